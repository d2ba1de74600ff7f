"""What a run knows of its data, through a checkpoint file."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lossbook.data.digests import content
from lossbook.data.digit_lines import DigitLines
from lossbook.data.digits import Digits
from lossbook.data.fitted import FittedData, changes, known_data
from lossbook.data.source import PARTS, Features, Parts
from lossbook.data.tabular import Diabetes
from lossbook.errors import UserError


def own(parts: Parts) -> Parts:
    """The parts as a user's own table, whose columns have names."""
    sizes = [len(getattr(parts, part)["target"]) for part in PARTS]
    places = np.random.Generator(np.random.PCG64(0)).permutation(sum(sizes))
    rows = dict(zip(PARTS, np.split(places, np.cumsum(sizes)[:-1]), strict=True))
    width = parts.schema.input_shape[0]
    features = Features(tuple(f"x{i}" for i in range(width)), (0.5,) * width, (2.0,) * width)
    return replace(parts, rows=rows, features=features)


def fitted(parts: Parts) -> FittedData:
    return FittedData.of(parts, content(parts), 3)


@pytest.mark.parametrize("parts", [Digits().load(), DigitLines().load(), own(Diabetes().load())])
def test_a_checkpoint_brings_it_back(parts: Parts, tmp_path: Path) -> None:
    before = fitted(parts)
    torch.save({"lossbook": {"data": before.state()}}, tmp_path / "x.ckpt")
    after = known_data(torch.load(tmp_path / "x.ckpt", weights_only=True))
    assert after is not None
    assert replace(after, known=None) == replace(before, known=None)
    assert changes(after, before) == []
    assert (after.known is None) == (before.known is None)
    if after.known is not None and before.known is not None:
        assert (after.known.digests == before.known.digests).all()
        assert all((after.known.parts[part] == before.known.parts[part]).all() for part in PARTS)


def test_samples_are_known_in_the_order_of_the_file() -> None:
    parts = own(Diabetes().load())
    found = fitted(parts).known
    assert found is not None
    assert parts.rows is not None
    inputs = content(parts)
    for part in PARTS:
        assert (found.digests[found.parts[part]] == inputs[part]).all()
        assert (found.parts[part] == parts.rows[part]).all()


def test_an_older_checkpoint_does_not_know() -> None:
    assert known_data({"lossbook": {"config": {}}}) is None
    (line,) = changes(None, fitted(Digits().load()))
    assert "does not know its data" in line


def test_other_content_is_said_with_its_size() -> None:
    parts = Digits().load()
    less = replace(parts, test={key: column[1:] for key, column in parts.test.items()})  # type: ignore[union-attr]
    (line,) = changes(fitted(parts), fitted(less))
    assert "1,258 + 269 + 270 samples then, 1,258 + 269 + 269 now" in line


def _without(state: dict[str, Any]) -> None:
    del state["targets"]


def _of_later(state: dict[str, Any]) -> None:
    state["version"] = 2


def _two_places(state: dict[str, Any]) -> None:
    state["known"]["parts"]["val"][0] = state["known"]["parts"]["val"][1]


def _nan(state: dict[str, Any]) -> None:
    state["inputs"]["features"]["mean"] = (float("nan"),) * 10


def _names(state: dict[str, Any]) -> None:
    state["targets"]["target"]["class_names"] = ("a",)


def _shape(state: dict[str, Any]) -> None:
    state["inputs"]["input_shape"] = (-1,)


def _text(state: dict[str, Any]) -> None:
    state["known"]["digests"] = "none"


@pytest.mark.parametrize("damage", [_without, _of_later, _two_places, _nan, _names, _shape, _text])
def test_a_damaged_entry_is_refused(damage: Any) -> None:
    state = copy.deepcopy(fitted(own(Diabetes().load())).state())
    damage(state)
    with pytest.raises(UserError, match="checkpoint"):
        FittedData.read(state)


@pytest.mark.parametrize("entry", [[], 3, "x", {}, {"version": "1"}])
def test_an_entry_of_another_form_is_refused(entry: Any) -> None:
    with pytest.raises(UserError, match="damaged"):
        FittedData.read(entry)


def test_rows_that_are_left_out_have_no_place() -> None:
    parts = Diabetes().load()
    few = {part: {key: column[:2] for key, column in getattr(parts, part).items()} for part in PARTS}
    rows = {"train": np.array([9, 2]), "val": np.array([0, 5]), "test": np.array([7, 3])}
    known = fitted(replace(own(parts), **few, rows=rows)).known  # type: ignore[arg-type]
    assert known is not None
    assert {part: places.tolist() for part, places in known.parts.items()} == {
        "train": [5, 1], "val": [0, 3], "test": [4, 2]
    }  # fmt: skip
    digests = content(replace(parts, **few))  # type: ignore[arg-type]
    for part in PARTS:
        np.testing.assert_array_equal(known.digests[known.parts[part]], digests[part])
