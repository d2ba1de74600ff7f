"""A run over several processes: Lightning starts the script again for each, and all share one folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch.distributed

from lossbook.orphans import STARTED_BY
from lossbook.processes import LAUNCHED, RUN_FOLDER, is_first


def first_process_folder() -> Path:
    """Return the run's folder, in a process that is not the first.

    Where something other than Lightning started it (torchrun, Slurm) the folder is not known yet: a path is returned
    that cannot be written to, and the checkpoint callback learns the real one when the processes are connected.
    """
    return Path(os.environ.get(RUN_FOLDER, os.devnull))


@contextmanager
def launching(folder: Path | None = None) -> Iterator[None]:
    """Pass the run's folder to processes that are launched within, and clean up for another run afterwards."""
    # Lightning's launcher leaves its variables: the next run would wait for processes that nobody starts
    before = {name: os.environ.get(name) for name in (*LAUNCHED, STARTED_BY)}
    met = torch.distributed.is_available() and torch.distributed.is_initialized()
    if is_first():
        os.environ[STARTED_BY] = str(os.getpid())
        if folder is not None:
            os.environ[RUN_FOLDER] = str(folder.absolute())
    try:
        yield
        if not met and torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
