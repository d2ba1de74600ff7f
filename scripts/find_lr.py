"""Find a learning rate: python scripts/find_lr.py loss=ctc optim=adam; --help shows what else there is."""

from __future__ import annotations

import sys

from lossbook.config.command import Request, command
from lossbook.training.find_lr import OPTIONS


def job(request: Request) -> dict[str, float]:
    from lossbook.training.find_lr import find_lr

    return find_lr(request.config, request.folder, request.keys, request.config_dir, request.options)


if __name__ == "__main__":
    sys.exit(command("find_lr", job, keys=OPTIONS))
