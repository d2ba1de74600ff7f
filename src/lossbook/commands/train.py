"""Train a network: ``lossbook train loss=ctc optim=adam``; --help shows what else there is."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from lossbook.config.command import Request, command


def main(arguments: Sequence[str]) -> int:
    """Train on the config that the arguments ask for, or on each one of a sweep; return the exit code."""
    return command("train", _job, sweeper="lossbook", arguments=arguments)


def _job(request: Request) -> dict[str, Any]:
    from lossbook.training.train import train

    return train(request.config, request.folder, options=request.options)


if __name__ == "__main__":  # as the other processes of a run are started
    del sys.path[0]  # this folder, in which other modules than the user's have names such as train
    sys.exit(main(sys.argv[1:]))
