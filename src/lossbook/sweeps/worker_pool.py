"""Several workers in parallel: a thread per worker hands it one task after another, and all stop together."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from lossbook.sweeps.locks import take_slot
from lossbook.sweeps.worker import Worker

NextTask = Callable[[Worker], bool]
_STOPPING = "\nStopping: runs are saved after this step (Ctrl-C again: stop at once)."


def make_workers(script: str, number: int) -> list[Worker]:
    """Return ``number`` workers; several get one thread each, unless OMP_NUM_THREADS says otherwise.

    With small models, two threads that contend with another process are ten times slower than one.
    """
    return [Worker(script, worker_threads() if number > 1 else None) for _ in range(number)]


def worker_threads() -> int:
    """Return torch's threads in each of several workers: the first number of OMP_NUM_THREADS (may be a list), or 1."""
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(first) if first.isdecimal() and int(first) else 1


def run_workers(workers: Sequence[Worker], next_task: NextTask, folder: Path) -> None:
    """Call ``next_task`` for each worker repeatedly, until it returns that nothing is left.

    On Ctrl-C the workers are asked to save their runs, and waited for; a second Ctrl-C kills them.

    Args:
        workers: each is started by a thread of its own; on Linux a worker dies with the thread that started it.
        next_task: has the worker do one task, and returns whether to be called again.
        folder: whose slots number the workers, those of other commands on the same folder included.

    Raises:
        KeyboardInterrupt: Ctrl-C, once all workers have stopped.
    """
    errors: list[BaseException] = []
    threads: list[_WorkerThread] = []
    slots = folder if len(workers) > 1 else None
    threads += [_WorkerThread(worker, next_task, slots, threads, errors) for worker in workers]
    try:
        for thread in threads:
            thread.start()
        _wait(threads)
    except KeyboardInterrupt:
        try:
            print(_STOPPING, file=sys.stderr, flush=True)
            _stop(threads)
            _wait(threads)
        except KeyboardInterrupt:
            for worker in workers:
                worker.kill()
            _wait(threads)
        raise
    finally:
        for worker in workers:
            worker.close()
    if errors:
        raise errors[0]


class _WorkerThread(threading.Thread):
    """Keeps one worker busy; an error stops all of them."""

    def __init__(
        self,
        worker: Worker,
        next_task: NextTask,
        folder: Path | None,
        every: Sequence[_WorkerThread],
        errors: list[BaseException],
    ) -> None:
        super().__init__(daemon=True)
        self.worker = worker
        self.next_task = next_task
        self.folder = folder
        self.every = every
        self.errors = errors
        self.stopping = False
        # instead of join(): before Python 3.13 a join that Ctrl-C interrupts takes the thread for ended
        self.ended = threading.Event()

    def run(self) -> None:
        slot = None
        try:
            if self.folder is not None:
                self.worker.slot, slot = take_slot(self.folder)
            self.worker.start()  # importing torch takes seconds, during which other work can go on
            while not self.stopping and self.next_task(self.worker):
                pass
        except BaseException as error:
            self.errors.append(error)
            _stop(self.every)
        finally:
            if slot is not None:
                slot.release()
            self.ended.set()


def _stop(threads: Sequence[_WorkerThread]) -> None:
    for thread in threads:
        thread.stopping = True
        thread.worker.interrupt()


def _wait(threads: Sequence[_WorkerThread]) -> None:
    """Wait for all that were started; in short pieces, since an endless wait does not notice Ctrl-C everywhere."""
    for thread in threads:
        while thread.ident is not None and not thread.ended.wait(0.2):
            pass
