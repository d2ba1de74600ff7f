"""Workers beside each other: each is given one thing after the other by a thread of its own, and all stop together."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from lossbook.sweeps import ledger
from lossbook.sweeps.supervise import Worker

Give = Callable[[Worker], bool]
_SAYS = "\nStopping: what is trained is saved after this step (Ctrl-C once more: at once)."


def crew(script: str, number: int) -> list[Worker]:
    """So many workers; several have one thread each, unless OMP_NUM_THREADS says otherwise.

    With small models two threads that contend with another process are ten times slower than one.
    """
    return [Worker(script, threads() if number > 1 else None) for _ in range(number)]


def threads() -> int:
    """Of torch in each of several workers: the first number of OMP_NUM_THREADS, which may be a list, else one."""
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(first) if first.isdecimal() and int(first) else 1


def employ(workers: Sequence[Worker], give: Give, folder: Path) -> None:
    """Call ``give`` for each worker, over and over, until it says that nothing is left.

    On Ctrl-C the workers are asked to save what they train, and are waited for; once more ends them.

    Args:
        workers: one thread looks after each, and Linux ends a worker with the thread that started it.
        give: has the worker do one thing, and returns whether to be called again.
        folder: whose slots tell several workers apart, those of other commands on it, too.

    Raises:
        KeyboardInterrupt: they were asked to stop, and have.
    """
    errors: list[BaseException] = []
    keepers: list[_Keeper] = []
    keepers += [_Keeper(worker, give, folder if len(workers) > 1 else None, keepers, errors) for worker in workers]
    try:
        for keeper in keepers:
            keeper.start()
        _wait(keepers)
    except KeyboardInterrupt:
        try:
            print(_SAYS, file=sys.stderr, flush=True)
            _stop(keepers)
            _wait(keepers)
        except KeyboardInterrupt:
            for worker in workers:
                worker.kill()
            _wait(keepers)
        raise
    finally:
        for worker in workers:
            worker.close()
    if errors:
        raise errors[0]


class _Keeper(threading.Thread):
    """Looks after one worker; an error stops all of them."""

    def __init__(
        self, worker: Worker, give: Give, folder: Path | None, every: Sequence[_Keeper], errors: list[BaseException]
    ) -> None:
        super().__init__(daemon=True)
        self.worker = worker
        self.give = give
        self.folder = folder
        self.every = every
        self.errors = errors
        self.stopping = False
        # join() does not tell: until Python 3.13 one that Ctrl-C breaks off takes the thread for ended
        self.ended = threading.Event()

    def run(self) -> None:
        kept = None
        try:
            if self.folder is not None:
                self.worker.slot, kept = ledger.slot(self.folder)
            self.worker.start()  # importing torch takes seconds, which other work may fill
            while not self.stopping and self.give(self.worker):
                pass
        except BaseException as error:
            self.errors.append(error)
            _stop(self.every)
        finally:
            if kept is not None:
                kept.release()
            self.ended.set()


def _stop(keepers: Sequence[_Keeper]) -> None:
    for keeper in keepers:
        keeper.stopping = True
        keeper.worker.interrupt()


def _wait(keepers: Sequence[_Keeper]) -> None:
    """Until all that were started have ended; in pieces, for a wait without end does not notice Ctrl-C everywhere."""
    for keeper in keepers:
        while keeper.ident is not None and not keeper.ended.wait(0.2):
            pass
