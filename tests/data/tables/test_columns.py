"""Cells of columns as numbers."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from lossbook.data.tables import columns
from lossbook.data.tables.columns import read_cells

COLUMNS = {
    "float32": (pl.Series([1.5, None, float("nan"), float("inf"), -0.0, 3.0, 7.25], dtype=pl.Float32), "number"),
    "whole": (pl.Series([3, None, -7, 0, 2**40, 1, 2]), "number"),
    "booleans": (pl.Series([True, None, False, True, True, False, True]), "boolean"),
    "not all booleans": (pl.Series([0, 1, 2, None, 1, 0, 3]), "boolean"),
    "dates": (pl.Series([date(2024, 2, 29), None, *[date(1969, 12, 31)] * 5]), "date"),
    "texts": (pl.Series(["1,5", "2", None, "3,25", "x", "4", "5"]), "number"),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_long_column_is_read_in_blocks(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    column, kind = COLUMNS[name]
    whole = read_cells(column, kind)
    monkeypatch.setattr(columns, "BLOCK", 3)
    blocks = read_cells(column, kind)
    np.testing.assert_array_equal(blocks.numbers, whole.numbers)
    np.testing.assert_array_equal(blocks.bad, whole.bad)
    assert blocks.numbers is not None
    assert blocks.numbers.flags.c_contiguous


def test_cells_of_rows() -> None:
    numbers = read_cells(pl.Series([1.0, None, 3.0]), "number").of(np.array([2, 1]))
    assert numbers.numbers is not None
    assert numbers.numbers[0].tolist() == [3]
    assert numbers.missing.tolist() == [False, True]
    texts = read_cells(pl.Series(["a", None, "c"]), "category").of(np.array([2, 1])).texts
    assert texts is not None
    assert texts.to_list() == ["c", None]
