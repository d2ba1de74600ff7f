"""Reading texts as dates, with or without a time of day."""

from __future__ import annotations

import numpy as np
import polars as pl

_DAYS = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y", "%m-%d-%Y",
    "%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y",
)  # fmt: skip
_TIMES = ("", " %H:%M", " %H:%M:%S%.f", " %H:%M%z", " %H:%M:%S%.f%z", " %I:%M %p", " %I:%M:%S %p")
_LOOKS_LIKE = (
    r"^(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/. ]([A-Za-z]+|\d{1,2})[-/. ]\d{4}|[A-Za-z]{3,9} \d{1,2}, \d{4})([ T]|$)"
)
_SWAPPED = {"%m/%d/%Y": "%d/%m/%Y", "%d-%m-%Y": "%m-%d-%Y", "%d.%m.%Y": "%m.%d.%Y"}
_LOOKED_AT = 200
DATED = 0.9  # if at least this share of the texts is dates, the others are mistakes
FIELDS = ("days", "month", "day", "weekday")  # the numbers of a date


def date_format(cells: pl.Series) -> str | None:
    """Return the format in which these texts are dates, or at least nine tenths of them; None where there is none.

    Args:
        cells: String, stripped, null where missing.
    """
    cells = cells.drop_nulls()
    if cells.is_empty() or not cells.head(_LOOKED_AT).str.contains(_LOOKS_LIKE).mean() >= DATED:
        return None
    head = cells.head(_LOOKED_AT)
    best, share = None, 0.0
    for form in (day + time for time in _TIMES for day in _DAYS):
        if as_dates(head, form).is_not_null().mean() < DATED:
            continue
        if (found := float(as_dates(cells, form).is_not_null().mean())) > share:
            best, share = form, found
        if share == 1:
            break
    return best if share >= DATED else None


def ambiguous(cells: pl.Series, form: str) -> bool:
    """Return whether all of these dates would be ones, too, if day and month were swapped."""
    day, space, time = form.partition(" ") if form.partition(" ")[0] in _SWAPPED else ("", "", "")
    if not day:
        return False
    swapped = as_dates(cells, _SWAPPED[day] + space + time)
    return bool((swapped.is_not_null() | cells.is_null()).all())


def as_dates(cells: pl.Series, form: str) -> pl.Series:
    """Return texts as Datetime in microseconds (of UTC, where they state a zone), null where one is no date."""
    if form.partition(" ")[2] == "" or ":" not in form:
        return cells.str.to_date(form, strict=False).cast(pl.Datetime("us"))
    text = cells.str.replace(r"^(\S*\d)T(\d)", "$1 $2").str.replace("Z$", "+0000" if form.endswith("%z") else "")
    found = text.str.to_datetime(form, strict=False, time_unit="us")
    return found.dt.replace_time_zone(None) if getattr(found.dtype, "time_zone", None) else found


def date_numbers(dates: pl.Series) -> np.ndarray:
    """Return (N, 4) float64: days since 1970 with their fraction, month, day of the month, weekday from 1; or NaN."""
    days = dates.dt.timestamp("us").cast(pl.Float64) / 86_400e6
    parts = [days, dates.dt.month(), dates.dt.day(), dates.dt.weekday()]
    return np.stack([part.cast(pl.Float64).fill_null(float("nan")).to_numpy() for part in parts], 1)
