from __future__ import annotations

import argparse
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from lossbook.checkpoints.structure import ENTRY
from lossbook.errors import UserError
from lossbook.models.weight_files import read_weights

STATE = {"fc.weight": torch.arange(6.0).reshape(2, 3), "fc.bias": torch.ones(2)}


def assert_read(path: Path) -> None:
    found = read_weights(str(path))
    assert found.keys() == STATE.keys()
    assert all(torch.equal(found[name], STATE[name]) for name in STATE)


def said(path: Path) -> str:
    with pytest.raises(UserError) as error:
        read_weights(str(path))
    assert f"model.weights={path}" in str(error.value)
    return str(error.value)


def test_safetensors(tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "w.safetensors")
    assert_read(tmp_path / "w.safetensors")


@pytest.mark.parametrize(
    "content",
    [
        STATE,
        {**STATE, "version": 3},
        {"state_dict": STATE, "epoch": 3},
        {"model": STATE, "args": argparse.Namespace(lr=0.1)},
        {"model": {"state_dict": STATE}},
        {"optimizer": {"state": {}}, "model_state_dict": STATE},
    ],
)
def test_a_state_dict_of_torch_alone_or_among_other_things(tmp_path: Path, content: dict) -> None:
    torch.save(content, tmp_path / "name with blanks, =.pth")
    assert_read(tmp_path / "name with blanks, =.pth")


def test_of_a_checkpoint_of_a_run_the_model_is_taken(tmp_path: Path) -> None:
    state = {f"model.{name}": value for name, value in STATE.items()}
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    other = {"objective.scale": torch.ones(1), "teacher.fc.weight": torch.zeros(2)}
    torch.save({ENTRY: {}, "state_dict": {**state, **other}}, tmp_path / "run" / "checkpoints" / "best.ckpt")
    for path in (tmp_path / "run", tmp_path / "run" / "checkpoints", tmp_path / "run" / "checkpoints" / "best.ckpt"):
        assert read_weights(str(path)).keys() == state.keys()


def test_what_holds_no_tensors_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "w.pt"
    assert "no such file" in said(file)
    assert "holds no checkpoint" in said(tmp_path)
    file.write_text("no weights")
    assert "cannot read" in said(file)
    file.write_bytes(b"")
    assert "cannot read" in said(file)
    torch.save(nn.Linear(2, 2), file)  # a pickled module, whose loading would run its code
    assert "cannot read" in said(file)
    torch.save([1, 2], file)
    assert "holds a list" in said(file)
    torch.save({"epoch": 3, "state_dict": {}}, file)
    assert "holds a dict of epoch, state_dict" in said(file)
    torch.save(STATE, file)
    file.write_bytes(file.read_bytes()[:-100])
    assert "cannot read" in said(file)
    (tmp_path / "w.safetensors").write_bytes(b"\0" * 100)
    assert "safetensors cannot read it" in said(tmp_path / "w.safetensors")
