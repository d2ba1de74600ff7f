"""Running a search: trials are claimed, trained and settled until there are enough."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from lossbook.search import storage
from lossbook.search.claims import claim, settle
from lossbook.search.plan import SearchPlan
from lossbook.search.terminal import SearchPrinter
from lossbook.search.trials import of_study
from lossbook.sweeps.worker import Worker
from lossbook.sweeps.worker_pool import make_workers, run_workers

if TYPE_CHECKING:
    from optuna import Study

_ELSEWHERE_S = 1.0  # before asking again, if another process is just freeing a trial


def run_search(
    folder: Path, plan: SearchPlan, script: str, workers: int, timeout: float | None, printer: SearchPrinter
) -> None:
    """Train trials until the search has as many as requested, counting those of other processes.

    Args:
        folder: of the search, with its plan and its study.
        plan: of the search.
        script: which Lightning starts again for a trial of several processes.
        workers: how many trials this process trains in parallel.
        timeout: seconds after which a trial is killed and counts as failed; None: never.
        printer: prints each trial that ends.

    Raises:
        KeyboardInterrupt: Ctrl-C; the running trials are saved and can be resumed.
        UserError: sample after sample does not fit together.
    """
    study = storage.load(folder)

    def step(worker: Worker) -> bool:
        return _train(study, folder, plan, timeout, printer, worker)

    run_workers(make_workers(script, workers), step, folder)


def _train(
    study: Study, folder: Path, plan: SearchPlan, timeout: float | None, printer: SearchPrinter, worker: Worker
) -> bool:
    """Train one trial with this worker; return False if none is left."""
    claimed = claim(study, plan, folder, worker.threads)
    if claimed is None:
        return False
    pruning = {
        "address": storage.url(folder),
        "trial": claimed.number,
        "pruner": plan.pruner,
        "epochs": plan.epochs,
    }
    state = worker.run(
        folder / str(claimed.number),
        plan.named(claimed.values),
        plan.overrides(claimed.values),
        plan.folders,
        timeout=timeout,
        retry=claimed.again,  # its process was killed
        pruning=pruning,
    )
    settled = settle(study, folder, claimed, state, plan.primary[0])
    if settled is not None:
        printer.print_trial(settled, of_study(study))
    else:
        time.sleep(_ELSEWHERE_S)
    return True
