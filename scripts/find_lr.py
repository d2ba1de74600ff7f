"""Finds a learning rate: python scripts/find_lr.py loss=ctc optim=adam; --help says what else."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossbook.config.arguments import config_dir
from lossbook.config.own_keys import command_with
from lossbook.training.find_lr import OPTIONS

if TYPE_CHECKING:
    from omegaconf import DictConfig


def job(config: DictConfig, folder: Path | None, options: dict[str, Any]) -> dict[str, float]:
    from lossbook.training.find_lr import find_lr

    return find_lr(config, folder, options, config_dir(sys.argv[1:]))


if __name__ == "__main__":
    sys.exit(command_with("find_lr", OPTIONS, job))
