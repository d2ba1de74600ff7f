"""Gives the metrics of a checkpoint: python scripts/evaluate.py ckpt=PATH, on other data with data=NAME."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossbook.config.command import command

if TYPE_CHECKING:
    from omegaconf import DictConfig


def job(config: DictConfig, folder: Path | None) -> dict[str, Any]:
    from lossbook.training.evaluate import evaluate

    return evaluate(config)


if __name__ == "__main__":
    sys.exit(command("evaluate", job))
