"""Numbers as people read them."""

from __future__ import annotations

import pytest

from lossbook.formatting import duration, line, metric, plural


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.123456, "0.1235"), (-1, "-1.0000"), (123.456, "123.5"), (1.2e7, "1.2e+07"), (float("nan"), "nan"), (None, "-")],
)
def test_metrics(value: float | None, shown: str) -> None:
    assert metric(value) == shown


@pytest.mark.parametrize(("seconds", "shown"), [(0.44, "0.4 s"), (59.99, "1:00"), (65, "1:05"), (7420, "2:03:40")])
def test_durations(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize(("count", "shown"), [(0, "0 jobs"), (1, "1 job"), (1234, "1,234 jobs")])
def test_plurals(count: int, shown: str) -> None:
    assert plural(count, "job") == shown


def test_a_message_is_a_line() -> None:
    assert line("seed=-1\n  A seed is positive.\n  Fix: seed=0") == "seed=-1 A seed is positive. Fix: seed=0"
    assert line("a" * 400) == "a" * 400
    assert line("a" * 401) == "a" * 399 + "…"
