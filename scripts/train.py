"""Trains a network: python scripts/train.py loss=ctc optim=adam; --help says what else."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossbook.config.command import command

if TYPE_CHECKING:
    from omegaconf import DictConfig


def job(config: DictConfig, folder: Path | None) -> dict[str, Any]:
    from lossbook.training.train import train

    return train(config, folder)


if __name__ == "__main__":
    sys.exit(command("train", job, sweeper="lossbook"))
