"""Whose config it is decides what it may build."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lossbook.trust import OWN_CONFIG, Trust


def trust_of(config: Mapping[str, Any]) -> Trust:
    """A config out of a checkpoint is a stranger's; ``trust=[names]`` on the command line vouches for more of it."""
    if config.get("ckpt") is None:
        return OWN_CONFIG
    return Trust(tuple(config.get("trust") or ()))
