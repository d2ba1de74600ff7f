"""Gives the metrics of a checkpoint: python scripts/evaluate.py ckpt=PATH, on other data with data=NAME."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossbook.composing.command import command
from lossbook.errors import refuse

if TYPE_CHECKING:
    from omegaconf import DictConfig


def job(config: DictConfig, folder: Path | None) -> dict[str, Any]:
    if config.ckpt is None:
        raise refuse("no ckpt", "Only a checkpoint can be evaluated.", "ckpt=RUN/checkpoints/best.ckpt")
    from lossbook.run.evaluate import evaluate  # imports torch, which no error of composing should wait for

    return evaluate(config)


if __name__ == "__main__":
    sys.exit(command("evaluate", job))
