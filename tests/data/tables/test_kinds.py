from __future__ import annotations

from collections.abc import Callable
from datetime import date

import polars as pl
import pytest

from lossbook.data.tables.kinds import inferred_kind
from lossbook.data.tables.table import Table, frame_table

Texts = Callable[..., Table]
ROWS = 60
DAYS = [date(2020, 1 + row % 12, 1 + row % 28) for row in range(ROWS)]


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        ([f"{row * 0.7:.2f}" for row in range(ROWS)], "number"),
        ([1, "", 2, "NA"] * 15, "number"),
        (["1,234.5", "12"] * 30, "number"),
        ([*range(2, ROWS + 1), "tall"], "number"),  # a mistake, which reading it reports
        (["2", "4", "5more"] * 20, "category"),
        (["red", "blue", ""] * 20, "category"),
        ([f"city {row // 3}" for row in range(ROWS)], "category"),
        (["yes", "no"] * 30, "boolean"),
        (["True", "false", ""] * 20, "boolean"),
        ([day.isoformat() for day in DAYS], "date"),
        ([day.strftime("%d.%m.%Y") for day in DAYS], "date"),
        ([f"{day.isoformat()}T12:30:00Z" for day in DAYS], "date"),
        ([day.strftime("%d %b %Y %H:%M") for day in DAYS], "date"),
        ([f"{row:04d}-x" for row in range(ROWS)], "identifier"),
        ([f"the name of {row}" for row in range(ROWS)], "text"),
        ([f"{row} %" for row in range(ROWS)], "text"),
        (list(range(ROWS)), "row number"),
        ([7 * row % ROWS for row in range(ROWS)], "identifier"),
        (["", "NA"] * 30, "empty"),
    ],
)
def test_what_texts_hold(texts: Texts, cells: list[object], kind: str) -> None:
    assert inferred_kind(texts({"a": cells}), 0).name == kind


def test_different_whole_numbers_are_an_identifier_if_they_are_called_so(texts: Texts) -> None:
    cells = [500 + 2 * (7 * row % ROWS) for row in range(ROWS)]
    found = {name: inferred_kind(texts({name: cells}), 0).name for name in ("patient_id", "area", "customerId", "idea")}
    assert found == {"patient_id": "identifier", "area": "number", "customerId": "identifier", "idea": "number"}


def test_why_a_text_was_no_number_is_said(texts: Texts) -> None:
    assert "a percent sign" in inferred_kind(texts({"a": [f"{row} %" for row in range(ROWS)]}), 0).hint
    assert (
        "%m/%d/%Y" in inferred_kind(texts({"a": [f"{1 + row % 12}/{1 + row % 5}/2020" for row in range(ROWS)]}), 0).hint
    )


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (pl.Series([1.5, None, float("nan")] * 20), "number"),
        (pl.Series([True, None] * 30), "boolean"),
        (pl.Series(DAYS), "date"),
        (pl.Series(["a", "b"] * 30, dtype=pl.Categorical), "category"),
        (pl.Series([[1], [2]] * 30), "nested"),
        (pl.Series([None] * 60), "empty"),
        (pl.Series([1, 2, 2] * 20).cast(pl.Decimal(10, 2)), "number"),
    ],
)
def test_what_columns_of_a_type_hold(column: pl.Series, kind: str) -> None:
    assert inferred_kind(frame_table(pl.DataFrame({"a": column}), "t"), 0).name == kind
