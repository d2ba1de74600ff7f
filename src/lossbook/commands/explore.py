"""Draw what an optimizer or a loss does; --help shows what else there is.

lossbook explore optim=sgd optim.momentum=0 out=docs/explore_sgd.png
lossbook explore loss=smooth_l1 out=docs/explore_smooth_l1.png
"""

from __future__ import annotations

from collections.abc import Sequence

from lossbook.config.command import Request, command
from lossbook.training.explore import OPTIONS


def main(arguments: Sequence[str]) -> int:
    """Draw the optimizer or the loss that the arguments choose; return the exit code."""
    return command("explore", _job, keys=OPTIONS, arguments=arguments)


def _job(request: Request) -> None:
    from lossbook.training.explore import explore

    explore(request.config, request.folder, request.keys, request.options)
