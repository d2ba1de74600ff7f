"""Numbers and messages as they are shown to people."""

from __future__ import annotations

from typing import Any

_LONGEST = 400  # characters of a message: its fix stands at the end


def figure(value: Any) -> str:
    """A metric's value in at most eight characters; a dash for none."""
    if value is None:
        return "-"
    number = float(value)
    return f"{number:.4f}" if abs(number) < 100 else f"{number:.4g}"


def duration(seconds: float) -> str:
    """``0.4 s``, ``1:05``, ``2:03:40``."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def plural(count: int, what: str) -> str:
    """``1 job``, ``2 jobs``."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def line(message: str) -> str:
    """A message of several lines, what was given, the rule and the fix, in one that is not too long."""
    whole = " ".join(message.split())
    return whole if len(whole) <= _LONGEST else f"{whole[: _LONGEST - 1]}…"
