"""Print the metrics of a checkpoint: ``lossbook evaluate ckpt=PATH``, on other data with ``data=NAME``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from lossbook.config.command import Request, command


def main(arguments: Sequence[str]) -> int:
    """Evaluate the checkpoint that the arguments name; return the exit code."""
    return command("evaluate", _job, arguments=arguments)


def _job(request: Request) -> dict[str, Any]:
    from lossbook.training.evaluate import evaluate

    return evaluate(request.config, request.options)


if __name__ == "__main__":  # as the other processes of a test on several devices are started
    del sys.path[0]  # this folder, in which other modules than the user's have names such as train
    sys.exit(main(sys.argv[1:]))
