from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils.data import TensorDataset

from lossbook.data.schema import Schema
from lossbook.data.source import Parts, Source, parts_of, sample_count, source_of
from lossbook.errors import UserError


def test_samples_are_counted_in_memory_in_tuples_and_in_datasets() -> None:
    assert sample_count({"input": torch.zeros(3, 2)}) == 3
    assert sample_count({"input": (torch.zeros(4, 2), torch.zeros(4, 2))}) == 4
    assert sample_count(TensorDataset(torch.zeros(5))) == 5


def test_a_source_must_say_how_it_loads() -> None:
    with pytest.raises(TypeError, match="load"):
        Source()


class _Loads:
    """A class of a user's own that knows nothing of Source."""

    def __init__(self, loaded: Any) -> None:
        self.loaded = loaded

    def load(self) -> Any:
        return self.loaded


def _parts(part: Any) -> Parts:
    return Parts(Schema("none", (1,), 2), part, part, part)


def test_anything_that_loads_parts_is_a_source() -> None:
    parts = _parts({"input": torch.zeros(2, 1)})
    assert parts_of(source_of(_Loads(parts), "my.Data").load(), "my.Data") is parts
    assert parts_of(source_of(_Loads(parts), "my.Data").load_known(None, False), "my.Data") is parts  # type: ignore[arg-type]


def test_what_is_no_source_is_told_what_one_is() -> None:
    for made in (TensorDataset(torch.zeros(3)), object()):
        with pytest.raises(UserError, match=r"data\.source\._target_=my\.Data\n  A source has load"):
            source_of(made, "my.Data")


@pytest.mark.parametrize("loaded", [None, (1, 2, 3), _parts([1]).schema, _parts({"x": torch.zeros(2)}), _parts(3)])
def test_what_is_no_parts_is_refused(loaded: Any) -> None:
    with pytest.raises(UserError, match=r"load\(\) gave|Its train part is"):
        parts_of(loaded, "my.Data")
