"""A search from its plan to its best command: trials are claimed, trained and settled until there are enough."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lossbook.searching import storage
from lossbook.searching.claiming import Claim, claim, settle
from lossbook.searching.plan import Plan
from lossbook.searching.telling import Teller
from lossbook.searching.trials import of_study
from lossbook.sweeping import ledger
from lossbook.sweeping.supervise import Worker

if TYPE_CHECKING:
    from optuna import Study

_ELSEWHERE_S = 1.0  # until a trial is asked for again that another process is just giving up


@dataclass(frozen=True)
class How:
    """How this process takes part in a search.

    Args:
        script: which Lightning starts again for a trial of several processes.
        workers: how many trials are trained at once.
        timeout: seconds after which a trial is ended, and counts as failed; None: never.
    """

    script: str
    workers: int = 1
    timeout: float | None = None

    @property
    def threads(self) -> int | None:
        """Of torch in each worker; None: torch's own choice. With small models two that contend are slower than one."""
        return int(os.environ.get("OMP_NUM_THREADS", "1")) if self.workers > 1 else None


def run(folder: Path, plan: Plan, how: How, teller: Teller) -> None:
    """Train trials until the search has as many as it is to have, in whatever process.

    Args:
        folder: of the search, with its plan and its study.
        plan: of the search.
        how: this process takes part.
        teller: prints what comes out.

    Raises:
        KeyboardInterrupt: Ctrl-C; the trials that were trained are saved, and gone on with next time.
        UserError: what is drawn does not fit together, again and again.
    """
    study = storage.load(folder)
    stop = threading.Event()
    workers = [Worker(how.script, how.threads) for _ in range(how.workers)]
    errors: list[BaseException] = []
    threads = [
        threading.Thread(target=_work, args=(study, folder, plan, how, teller, worker, stop, errors), daemon=True)
        for worker in workers
    ]
    for thread in threads:
        thread.start()
    try:
        _wait(threads)
    except KeyboardInterrupt:
        stop.set()
        teller.stopping()
        for worker in workers:
            worker.interrupt()
        try:
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


def _wait(threads: Sequence[threading.Thread]) -> None:
    """Until all have ended; in pieces, for a thread that waits without end does not notice Ctrl-C everywhere."""
    for thread in threads:
        while thread.is_alive():
            thread.join(0.2)


def _work(
    study: Study,
    folder: Path,
    plan: Plan,
    how: How,
    teller: Teller,
    worker: Worker,
    stop: threading.Event,
    errors: list[BaseException],
) -> None:
    """What a thread does: one trial after the other."""
    kept = None
    try:
        if how.workers > 1:
            worker.slot, kept = ledger.slot(folder)
        worker.start()  # importing torch takes seconds, which drawing the first trial may fill
        while not stop.is_set():
            claimed = claim(study, plan, folder, how.threads)
            if claimed is None:
                return
            _train(study, folder, plan, how, teller, worker, claimed, stop)
    except BaseException as error:
        errors.append(error)
        stop.set()
    finally:
        if kept is not None:
            kept.release()


def _train(
    study: Study,
    folder: Path,
    plan: Plan,
    how: How,
    teller: Teller,
    worker: Worker,
    claimed: Claim,
    stop: threading.Event,
) -> None:
    place = folder / str(claimed.number)
    pruning = {
        "address": storage.url(folder),
        "trial": claimed.number,
        "pruner": plan.pruner,
        "epochs": plan.epochs,
    }
    ending = worker.run(
        place,
        plan.named(claimed.values),
        plan.overrides(claimed.values),
        plan.folders,
        timeout=how.timeout,
        retry=claimed.again,  # its process was killed, or failed without a chance to say so
        pruning=pruning,
    )
    if stop.is_set() and ending.status == "failed":  # for we ended it
        ending = ledger.Ending("interrupted")
    settled = settle(study, folder, claimed, ending, plan.primary[0])
    if settled is not None:
        teller.trial(settled, of_study(study))
    elif not stop.is_set():
        time.sleep(_ELSEWHERE_S)
