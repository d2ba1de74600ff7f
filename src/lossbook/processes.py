"""The processes of a run: which one this is, how others are started, and what each has. torch is imported late."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

# how torchrun, Lightning, Slurm and LSF number processes; Lightning reads the same ones in this order
_RANKS = ("RANK", "LOCAL_RANK", "SLURM_PROCID", "JSM_NAMESPACE_RANK")
_NODES = ("NODE_RANK", "GROUP_RANK")  # the machine's number, where LOCAL_RANK starts from 0 on each machine

RUN_FOLDER = "LOSSBOOK_RUN_FOLDER"  # of the first process, for the others
LAUNCHED = frozenset({*_RANKS, *_NODES, "SLURM_NTASKS", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", RUN_FOLDER})
"""Variables that tell a process that it is one of several, whoever started them."""


def is_first() -> bool:
    """Return whether this process writes and prints for all; a single process does.

    This is known before the processes connect, from what launchers set.
    """
    name = next((name for name in _RANKS if name in os.environ), None)
    if name in (None, "LOCAL_RANK") and int(next((os.environ[node] for node in _NODES if node in os.environ), "0")):
        return False
    return name is None or int(os.environ[name]) == 0


@contextmanager
def started_again_as(arguments: Sequence[str], script: str | None = None) -> Iterator[None]:
    """Have Lightning start a run's other processes with these arguments: it repeats whatever ``sys.argv`` holds.

    Args:
        arguments: of the one run; those of a sweep would start the whole sweep again.
        script: that is started; None: the one that runs.
    """
    before = sys.argv
    sys.argv = [before[0] if script is None else script, *arguments]
    try:
        yield
    finally:
        sys.argv = before


def leave_unwatched(trainer: Any) -> None:
    """Have Lightning ignore the other processes, which all end now: it would kill this one within 5 s."""
    others = getattr(trainer.strategy.launcher, "procs", [])
    others.clear()


def gathered(own: Any, processes: int) -> list[Any]:
    """Gather what each process has, by rank: plain containers and tensors on the CPU. Every process must call this."""
    if processes == 1:
        return [own]
    import torch.distributed

    every: list[Any] = [None] * processes
    torch.distributed.all_gather_object(every, own)
    return every


def own_of(every: Sequence[Any], rank: int, processes: int) -> Any:
    """Return a process's own part of what ``gathered`` returned; None if that was of another number of processes."""
    return every[rank] if len(every) == processes else None
