"""Train a network: python scripts/train.py loss=ctc optim=adam; --help shows what else there is."""

from __future__ import annotations

import sys
from typing import Any

from lossbook.config.command import Request, command


def job(request: Request) -> dict[str, Any]:
    from lossbook.training.train import train

    return train(request.config, request.folder, options=request.options)


if __name__ == "__main__":
    sys.exit(command("train", job, sweeper="lossbook"))
