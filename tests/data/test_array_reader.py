from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from lossbook.data.array_reader import ArrayReader
from lossbook.data.reader import read_reader
from lossbook.errors import UserError

READER = ArrayReader((2, 3))


def test_arrays_and_tensors_of_the_shape_are_read() -> None:
    array = np.arange(6, dtype=np.float64).reshape(2, 3)
    for given in (array, [array], torch.from_numpy(array), array[None], [torch.from_numpy(array)]):
        found = READER.objects(given)
        assert found.part["input"].tolist() == [array.tolist()]
        assert found.part["input"].dtype == torch.float32
    assert READER.objects(array.astype(np.uint8)).part["input"].dtype == torch.uint8


def test_others_are_listed_by_their_place() -> None:
    found = READER.objects([np.zeros((2, 3)), np.zeros(4), np.full((2, 3), np.nan)])
    assert found.names == ["0"]
    assert [problem.given for problem in found.bad] == ["input 1 has shape (4,)", "input 2 holds inf or nan"]
    with pytest.raises(UserError, match="arrays or tensors"):
        READER.objects("name")


def test_files_are_read(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((2, 3)))
    np.save(tmp_path / "b.npy", np.ones(3))
    (tmp_path / "c.npy").write_bytes(b"no array")
    np.save(tmp_path / "d.npy", np.array([{}]), allow_pickle=True)
    found = READER.files([tmp_path / f"{name}.npy" for name in "abcd"], list("abcd"))
    assert found.names == ["a"]
    assert len(found.bad) == 3
    assert READER.files([], []).part["input"].shape == (0, 2, 3)


def test_a_checkpoint_keeps_it() -> None:
    assert read_reader(READER.state()) == READER
