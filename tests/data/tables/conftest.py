"""Tables of texts in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from lossbook.data.tables.table import Table


def table_of_texts(columns: dict[str, list[Any]], path: str = "t.csv") -> Table:
    series = [pl.Series(map(str, cells), dtype=pl.String) for cells in columns.values()]
    count = len(series[0])
    return Table(Path(path), list(columns), count, lambda place: series[place], np.arange(2, count + 2))


@pytest.fixture
def texts() -> Callable[..., Table]:
    return table_of_texts
