"""One run over several processes: Lightning starts the script again for each of them, and all share one folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch.distributed

from lossbook.orphans import STARTED_BY
from lossbook.processes import LAUNCHED, RUN_FOLDER, is_first


def first_process_folder() -> Path:
    """The run's folder, for a process that is not the first.

    Where something other than Lightning started it (torchrun, Slurm) the folder is not known yet, and what stands for
    it cannot be written to; the checkpoints are told theirs when the processes have met.
    """
    return Path(os.environ.get(RUN_FOLDER, os.devnull))


@contextmanager
def launching(folder: Path | None = None) -> Iterator[None]:
    """Processes that are launched within know the run's folder; afterwards this process is ready for another run."""
    # Lightning's launcher leaves what it sets: the next run of this process would wait for processes that nobody starts
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
