"""Formatting of numbers, durations and messages for people."""

from __future__ import annotations

from typing import Any

_LONGEST = 400  # characters of a message, whose fix comes last


def metric(value: Any) -> str:
    """Format a metric's value in at most eight characters; None as a dash."""
    if value is None:
        return "-"
    number = float(value)
    return f"{number:.4f}" if abs(number) < 100 else f"{number:.4g}"


def duration(seconds: float) -> str:
    """Format seconds as ``0.4 s``, ``1:05`` or ``2:03:40``."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def plural(count: int, what: str) -> str:
    """Return ``1 job``, ``2 jobs``."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def line(message: str) -> str:
    """Join the lines of a message (given, rule, fix) into one, cut if it is too long."""
    whole = " ".join(message.split())
    return whole if len(whole) <= _LONGEST else f"{whole[: _LONGEST - 1]}…"
