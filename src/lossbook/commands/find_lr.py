"""Find a learning rate: ``lossbook find-lr loss=ctc optim=adam``; --help shows what else there is."""

from __future__ import annotations

from collections.abc import Sequence

from lossbook.config.command import Request, command
from lossbook.training.find_lr import OPTIONS


def main(arguments: Sequence[str]) -> int:
    """Run the range test that the arguments ask for; return the exit code."""
    return command("find_lr", _job, keys=OPTIONS, arguments=arguments)


def _job(request: Request) -> dict[str, float]:
    from lossbook.training.find_lr import find_lr

    return find_lr(request.config, request.folder, request.keys, request.config_dir, request.options)
