"""The shapes of schedules: plain functions of a progress t in [0, 1] between two values, or of the time."""

from __future__ import annotations

import math


def line(start: float, end: float, t: float) -> float:
    """Interpolate linearly from ``start`` at t = 0 to ``end`` at t = 1."""
    return start + (end - start) * t


def half_cosine(start: float, end: float, t: float) -> float:
    """Anneal from ``start`` to ``end`` along half a period of a cosine, flat at both ends."""
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * t))


def power(start: float, end: float, t: float, exponent: float) -> float:
    """Decay from ``start`` to ``end`` with a power of what remains, 1 - t; exponent 1 is a straight line."""
    return float(end + (start - end) * (1 - t) ** exponent)


def triangle(time: float, up: float, down: float) -> tuple[float, float]:
    """Return the number of the cycle that ``time`` lies in, and the height in [0, 1] of its triangle there.

    Args:
        time: 0 or more.
        up, down: lengths of the two flanks, above 0.
    """
    cycle, within = divmod(time, up + down)
    return cycle, within / up if within <= up else (up + down - within) / down
