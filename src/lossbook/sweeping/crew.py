"""Workers beside each other: each is given one thing after the other by a thread of its own, and all stop together."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lossbook.sweeping import ledger
from lossbook.sweeping.supervise import Worker

Stop = threading.Event
Give = Callable[[Worker, Stop], bool]
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

    On Ctrl-C and on SIGTERM the workers are asked to save what they train, and are waited for; once more ends them.

    Args:
        workers: one thread looks after each, and Linux ends a worker with the thread that started it.
        give: has the worker do one thing, and returns whether to be called again. When the event that it is given is
            set, it shall not begin anything.
        folder: whose slots tell several workers apart, those of other commands on it, too.

    Raises:
        KeyboardInterrupt: they were asked to stop, and have.
    """
    stop = Stop()
    errors: list[BaseException] = []
    crew = [_Keeper(worker, give, folder if len(workers) > 1 else None, stop, errors) for worker in workers]
    with _told_to_stop():
        try:
            for keeper in crew:
                keeper.start()
            _wait(crew)
        except KeyboardInterrupt:
            try:
                stop.set()
                print(_SAYS, file=sys.stderr, flush=True)
                for worker in workers:
                    worker.interrupt()
                _wait(crew)
            except KeyboardInterrupt:
                for worker in workers:
                    worker.kill()
                _wait(crew)
            raise
        finally:
            for worker in workers:
                worker.close()
    if errors:
        raise errors[0]


class _Keeper(threading.Thread):
    """Looks after one worker."""

    def __init__(
        self, worker: Worker, give: Give, folder: Path | None, stop: Stop, errors: list[BaseException]
    ) -> None:
        super().__init__(daemon=True)
        self.worker = worker
        self.give = give
        self.folder = folder
        self.stop = stop
        self.errors = errors
        # join() does not tell: until Python 3.13 one that Ctrl-C breaks off takes the thread for ended
        self.ended = threading.Event()

    def run(self) -> None:
        kept = None
        try:
            if self.folder is not None:
                self.worker.slot, kept = ledger.slot(self.folder)
            self.worker.start()  # importing torch takes seconds, which other work may fill
            while not self.stop.is_set() and self.give(self.worker, self.stop):
                pass
        except BaseException as error:
            self.errors.append(error)
            self.stop.set()
        finally:
            if kept is not None:
                kept.release()
            self.ended.set()


def _wait(crew: Sequence[_Keeper]) -> None:
    """Until all that were started have ended; in pieces, for a wait without end does not notice Ctrl-C everywhere."""
    for keeper in crew:
        while keeper.ident is not None and not keeper.ended.wait(0.2):
            pass


@contextmanager
def _told_to_stop() -> Iterator[None]:
    """SIGTERM, which clusters send some time before they kill, counts as Ctrl-C."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
