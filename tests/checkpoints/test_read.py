"""Checkpoint files are written whole or not at all, hold plain values alone, and are read without running code."""

from __future__ import annotations

import enum
import errno
import os
import pickle
import resource
import signal
import zipfile
from collections import OrderedDict, defaultdict, namedtuple
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lossbook.checkpoints.read import AtomicCheckpointIO, plain, read
from lossbook.errors import UserError

GOOD: dict[str, Any] = {"state_dict": {"weight": torch.arange(50_000.0)}, "lossbook": {"config": {"seed": 0}}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    AtomicCheckpointIO().save_checkpoint(GOOD, tmp_path / "checkpoints" / "last.ckpt")
    return tmp_path / "checkpoints" / "last.ckpt"


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """Writing more than ``size`` bytes fails, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_what_is_written_is_read(file: Path) -> None:
    checkpoint = read(file)
    assert torch.equal(checkpoint["state_dict"]["weight"], GOOD["state_dict"]["weight"])
    assert checkpoint["lossbook"] == GOOD["lossbook"]
    assert os.listdir(file.parent) == ["last.ckpt"]


def test_a_full_disk_leaves_the_good_file(file: Path) -> None:
    before = file.read_bytes()
    with files_up_to(100_000), pytest.raises(UserError) as error:
        AtomicCheckpointIO().save_checkpoint({**GOOD, "more": torch.zeros(9)}, file)
    assert file.read_bytes() == before
    assert os.listdir(file.parent) == ["last.ckpt"]
    said = str(error.value)
    assert str(file) in said
    assert os.strerror(errno.EFBIG) in said
    assert "0.2 MB" in said
    assert "is unchanged" in said
    assert len(said.splitlines()) <= 4


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="could not be written"):
        AtomicCheckpointIO().save_checkpoint(GOOD, tmp_path / "file" / "last.ckpt")


class Colour(enum.Enum):
    RED = "red"


Point = namedtuple("Point", "x y")


def test_harmless_values_are_converted() -> None:
    value = {
        "path": Path("a/b"),
        "scalar": np.float64(0.5),
        "array": np.arange(3),
        "tuple": (1, (2, [3])),
        "named": Point(1, 2),
        "default": defaultdict(list, a=[1]),
        "enum": Colour.RED,
        "parameter": nn.Parameter(torch.ones(2)),
        np.int64(3): None,
    }
    result = plain(value)
    assert result["path"] == "a/b"
    assert type(result["scalar"]) is float
    assert torch.equal(result["array"], torch.arange(3))
    assert result["tuple"] == (1, (2, [3]))
    assert type(result["named"]) is tuple
    assert type(result["default"]) is dict
    assert result["enum"] == "red"
    assert result[3] is None


def test_everything_plain_can_be_read_back(tmp_path: Path) -> None:
    values = [None, True, 1, 1.5, 1j, "a", b"a", torch.float16, torch.device("cpu"), torch.Size([2]), torch.ones(1)]
    values += [(1, 2), OrderedDict(a=1), nn.Parameter(torch.ones(2)), np.float32(2), Path("a"), float("nan")]
    AtomicCheckpointIO().save_checkpoint({**GOOD, "values": values}, tmp_path / "a.ckpt")
    assert len(read(tmp_path / "a.ckpt")["values"]) == len(values)


def test_a_state_dict_keeps_its_versions() -> None:
    state = nn.BatchNorm1d(2).state_dict()
    assert plain({"state_dict": state})["state_dict"] is state
    assert state._metadata  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ({"callbacks": {"Mine": {"model": nn.Linear(1, 1)}}}, "callbacks.Mine.model"),
        ({"optimizer_states": [{"state": {0: {"f": len}}}]}, "optimizer_states[0].state.0.f"),
        ({"a": {object(): 1}}, "a (a key in it)"),
        ({"a": np.array(["x", None])}, "a"),
        ({"a": {1, 2}}, "a"),
    ],
)
def test_anything_else_is_refused_by_its_key(value: Any, key: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        AtomicCheckpointIO().save_checkpoint(value, tmp_path / "a.ckpt")
    assert str(error.value).startswith(f"checkpoint entry {key} is a ")
    assert not any(tmp_path.iterdir())


class Bomb:
    def __reduce__(self) -> Any:
        return (os.system, ("echo ran > /dev/null",))


def test_what_is_no_checkpoint_of_ours_is_refused_in_our_words(file: Path, tmp_path: Path) -> None:
    whole = file.read_bytes()
    (tmp_path / "cut.ckpt").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "end.ckpt").write_bytes(whole[:-30])
    (tmp_path / "empty.ckpt").write_bytes(b"")
    (tmp_path / "text.ckpt").write_text("epoch: 3\n")
    (tmp_path / "pickle.ckpt").write_bytes(pickle.dumps({"a": Bomb()}))
    (tmp_path / "numbers.ckpt").write_bytes(pickle.dumps([1, 2]))
    torch.save({"state_dict": {}, "model": Bomb()}, tmp_path / "objects.ckpt")
    torch.save({"state_dict": {}, "epoch": 3, "pytorch-lightning_version": "2.6"}, tmp_path / "lightning.ckpt")
    torch.save(nn.Linear(1, 1).state_dict(), tmp_path / "weights.ckpt")
    torch.save(torch.ones(3), tmp_path / "tensor.ckpt")
    with zipfile.ZipFile(tmp_path / "zip.ckpt", "w") as archive:
        archive.writestr("a.txt", "a")
    expected = {
        "cut": "is truncated",
        "end": "is truncated",
        "empty": "is truncated",
        "text": "is not a checkpoint file",
        "pickle": "is not a checkpoint file",
        "numbers": "",
        "zip": "is not a checkpoint file",
        "objects": "holds objects of another program",
        "lightning": "holds no 'lossbook' entry",
        "weights": "without a state_dict",
        "tensor": "holds a Tensor",
        "missing": "does not exist",
    }
    for name, words in expected.items():
        with pytest.raises(UserError) as error:
            read(tmp_path / f"{name}.ckpt")
        said = str(error.value)
        assert words in said, (name, said)
        assert f"{name}.ckpt" in said.splitlines()[0]
        assert len(said.splitlines()) <= 4


def test_a_missing_file_names_one_that_is_there(file: Path) -> None:
    with pytest.raises(UserError, match=r"Fix: ckpt=.*last\.ckpt"):
        read(file.with_name("lats.ckpt"))
    with pytest.raises(UserError, match="is a folder"):
        read(file.parent)


def test_a_damaged_file_is_refused_wherever_the_damage_is(file: Path) -> None:
    whole = bytearray(file.read_bytes())
    for place in np.linspace(0, len(whole) - 1, 25).astype(int):
        damaged = whole.copy()
        damaged[place] ^= 0xFF
        file.write_bytes(damaged)
        try:
            checkpoint = read(file)
        except UserError:
            continue
        assert "state_dict" in checkpoint  # in a tensor's bytes, padding or a date: torch has no say in those


def test_a_flipped_bit_of_a_tensor_is_found(file: Path) -> None:
    whole = bytearray(file.read_bytes())
    place = whole.index(GOOD["state_dict"]["weight"].numpy().tobytes()) + 4_002
    read(file)
    whole[place] ^= 0x40
    file.write_bytes(whole)
    with pytest.raises(UserError, match="is damaged"):
        read(file)


def test_packed_archives_and_endless_nesting_are_refused(file: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(file) as good, zipfile.ZipFile(tmp_path / "p.ckpt", "w", zipfile.ZIP_DEFLATED) as packed:
        for name in good.namelist():
            packed.writestr(name, good.read(name))
    with pytest.raises(UserError, match="not a checkpoint file"):
        read(tmp_path / "p.ckpt")
    deep: list[Any] = []
    twice: list[Any] = []
    for _ in range(100):
        deep, twice = [deep], [twice, twice]
    for odd in (deep, twice):
        torch.save({**GOOD, "odd": odd}, tmp_path / "odd.ckpt")
        with pytest.raises(UserError, match="nested too deeply"):
            read(tmp_path / "odd.ckpt")
