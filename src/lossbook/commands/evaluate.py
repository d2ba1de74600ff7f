"""Print and write the metrics of a checkpoint: ``lossbook evaluate ckpt=PATH``, on other data with ``data=NAME``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lossbook.commands.on_checkpoint import command_on_checkpoint
from lossbook.config.command import Request
from lossbook.errors import refuse

_KEYS = {"output": None, "worst": 100}  # a new folder, or none; mistakes that are listed


def main(arguments: Sequence[str]) -> int:
    """Evaluate the checkpoint that the arguments name; return the exit code."""
    return command_on_checkpoint("evaluate", _job, _KEYS, arguments)


def _job(request: Request) -> dict[str, Any]:
    from lossbook.config.folders import evaluation_base
    from lossbook.training.evaluate import evaluate

    given = request.keys["output"]
    if given not in (None, "none") and Path(given).exists():
        raise refuse(f"output={given} exists.", "Nothing is overwritten.", "output=ANOTHER, or output=none")
    worst = request.keys["worst"]
    if worst < 1 or (given == "none" and worst != _KEYS["worst"]):
        rule = "It is the number of mistakes that are listed in output." + (" Nothing is written." if worst > 0 else "")
        raise refuse(f"worst={worst}", rule, "worst=100" if worst < 1 else "leave it out, or output=DIR")
    output = evaluation_base() if given is None else None if given == "none" else Path(given)
    return evaluate(request.config, request.options, output, worst)


if __name__ == "__main__":  # as the other processes of a test on several devices are started
    del sys.path[0]  # this folder, in which other modules than the user's have names such as train
    sys.exit(main(sys.argv[1:]))
