"""docs/contracts.md names all that the code knows."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields
from pathlib import Path

import pytest

from lossbook.losses.bind import FOLLOWING
from lossbook.losses.contract import ACTIVATIONS, DISTANCES, INPUTS, MEAN_OVER, PAIRING, REDUCTIONS, Contract
from lossbook.targets import KINDS

PAGE = (Path(__file__).parents[1] / "docs" / "contracts.md").read_text()
ROWS = {row.split("`")[1]: row for row in PAGE.splitlines() if row.startswith("| `")}  # by the first name in it


def names(row: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", ROWS[row]))


def test_every_key_and_every_value_has_its_place() -> None:
    keys = {field.name for field in fields(Contract)} - {"name", "key"}
    assert keys | set(INPUTS) | set(KINDS) == set(ROWS)
    assert set(ACTIVATIONS) == names("activation") - {"activation"}
    assert set(REDUCTIONS) <= names("criterion")
    assert set(FOLLOWING) <= set(re.findall(r"`(\w+)`", PAGE.rpartition("\n\n")[2]))


@pytest.mark.parametrize("inputs", INPUTS)
def test_every_way_of_forming_inputs_is_described(inputs: str) -> None:
    options = PAIRING.get(inputs, {})
    expected = {*MEAN_OVER[inputs], *options, *(value for values in options.values() for value in values)}
    assert expected <= names(inputs)


@pytest.mark.parametrize("kind", KINDS)
def test_every_encoding_and_its_options_are_described(kind: str) -> None:
    options = {name for made in KINDS[kind].encodings.values() for name in inspect.signature(made).parameters}
    options -= {"schema", "embedding_dim"}
    if kind == "class":
        options |= set(DISTANCES)
    else:
        options -= {"distance", "verify"}  # of metrics over classes
    assert {kind, *KINDS[kind].encodings, *options} == names(kind)
