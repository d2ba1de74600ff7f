"""The settings and results of a run as flat columns for TensorBoard's HPARAMS tab."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning as L

from lossbook.errors import typed
from lossbook.losses.rules import look_up
from lossbook.training.fit import Outcome
from lossbook.training.loggers import TensorBoard

_CHOICES = ("loss", "optim", "data", "model", "scheduler", "param_groups")
_KEYS = ("seed", "data.batch_size", "trainer.max_epochs", "trainer.precision")
_NO_SETTING = ("ckpt", "ckpt_lr", "hydra")  # keys that say nothing about what was trained
_LONGEST = 80  # characters of a text


def log_outcome(trainer: L.Trainer, config: Mapping[str, Any], primary: str, outcome: Outcome, status: str) -> None:
    """Write a row of the tab with each TensorBoard logger; nothing if there is none, or no folder."""
    for logger in trainer.loggers if Path(trainer.default_root_dir).is_dir() else ():
        if isinstance(logger, TensorBoard):
            logger.log_outcome({**columns(config), "status": status}, final(outcome.metrics, primary), status)


def columns(config: Mapping[str, Any]) -> dict[str, float | bool | str]:
    """Return the settings of a run by their keys on the command line: a fixed set, and each key that was overridden.

    The fixed set is the choices of the groups, the seed, the optimizer's numbers, batch size, epochs and precision.
    Numbers and booleans are kept, all else becomes text as one types it; null has no column.
    """
    choices = config["choices"]
    found: dict[str, Any] = {group: choices.get(group) or "none" for group in _CHOICES}
    numbers = {f"optim.{key}": value for key, value in config["optim"].items() if _is_number(value)}
    found |= {key: look_up(config, key)[1] for key in _KEYS} | numbers
    for override in config["overrides"]:
        key = override.lstrip("+~").partition("=")[0].partition("@")[0]
        if key.partition(".")[0] not in _NO_SETTING and key not in found:
            found[key] = choices.get(key) if key in choices else look_up(config, key)[1]
    return {key: _plain(value) for key, value in found.items() if value is not None}


def final(metrics: Mapping[str, float], primary: str) -> dict[str, float]:
    """Return the watched metric at the best epoch, as ``best/acc``; its curve need not end with the best value.

    Other metrics are left out: each would be another chart without a curve, and test metrics have one point anyway.
    """
    return {primary.replace("val/", "best/", 1): metrics[primary]} if primary in metrics else {}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _plain(value: Any) -> float | bool | str:
    if isinstance(value, bool):
        return value
    return float(value) if _is_number(value) else typed(value)[:_LONGEST]
