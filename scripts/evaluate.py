"""Print the metrics of a checkpoint: python scripts/evaluate.py ckpt=PATH, on other data with data=NAME."""

from __future__ import annotations

import sys
from typing import Any

from lossbook.config.command import Request, command


def job(request: Request) -> dict[str, Any]:
    from lossbook.training.evaluate import evaluate

    return evaluate(request.config, request.options)


if __name__ == "__main__":
    sys.exit(command("evaluate", job))
