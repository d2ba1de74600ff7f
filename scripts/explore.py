"""Draws what an optimizer or a loss does; --help says what else.

python scripts/explore.py optim=sgd optim.momentum=0 out=docs/explore_sgd.png
python scripts/explore.py loss=smooth_l1 out=docs/explore_smooth_l1.png
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossbook.config.own_keys import command_with
from lossbook.training.explore import OPTIONS

if TYPE_CHECKING:
    from omegaconf import DictConfig


def job(config: DictConfig, folder: Path | None, options: dict[str, Any]) -> None:
    from lossbook.training.explore import explore

    explore(config, folder, options)


if __name__ == "__main__":
    sys.exit(command_with("explore", OPTIONS, job))
