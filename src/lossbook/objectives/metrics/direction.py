"""Which way a figure is better."""

from __future__ import annotations

_ERRORS = ("loss", "mae", "rmse", "cer", "wer", "kl")


def better(name: str) -> str:
    """``min`` for a figure that counts errors (``mae``), ``max`` for one that counts successes (``acc``)."""
    return "min" if name in _ERRORS else "max"
