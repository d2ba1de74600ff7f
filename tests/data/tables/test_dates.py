from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lossbook.data.tables.dates import ambiguous, as_dates, date_format, date_numbers

FORMS = [
    "%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%d.%m.%Y", "%d.%m.%Y %H:%M", "%Y/%m/%d", "%d %b %Y",
    "%B %d, %Y", "%m/%d/%Y %I:%M %p", "%Y-%m-%dT%H:%M:%SZ",
]  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=10)
@given(moments=st.lists(st.datetimes(datetime(1000, 1, 1), datetime(2999, 1, 1)), min_size=1, max_size=9))
def test_what_python_writes_is_read(form: str, moments: list[datetime]) -> None:
    moments = [*moments, datetime(2001, 1, 31)]  # no month
    cells = pl.Series([moment.strftime(form) for moment in moments])
    found = date_format(cells)
    assert found is not None
    expected = [datetime.strptime(cell, form).replace(tzinfo=UTC) for cell in cells]
    numbers = date_numbers(as_dates(cells, found))
    np.testing.assert_allclose(numbers[:, 0], [moment.timestamp() / 86400 for moment in expected], atol=1e-9)
    assert numbers[:, 1:].tolist() == [[m.month, m.day, m.isoweekday()] for m in expected]


@pytest.mark.parametrize("cells", [["12:30", "4:15"], ["2020", "2021"], ["01.02.20"], ["red"], ["1-2-3"], []])
def test_what_is_no_date(cells: list[str]) -> None:
    assert date_format(pl.Series(cells, dtype=pl.String)) is None


def test_a_day_that_may_be_a_month_is_told() -> None:
    assert ambiguous(pl.Series(["1/2/2020", "3/4/2020"]), "%m/%d/%Y")
    assert not ambiguous(pl.Series(["1/2/2020", "3/14/2020"]), "%m/%d/%Y")
    assert date_format(pl.Series(["1/2/2020", "14/3/2020"])) == "%d/%m/%Y"
    assert not ambiguous(pl.Series(["2020-01-02"]), "%Y-%m-%d")


def test_a_missing_date_is_none() -> None:
    assert np.isnan(date_numbers(as_dates(pl.Series([None, "x"], dtype=pl.String), "%Y-%m-%d"))).all()
