"""A search from its plan to its best command: trials are claimed, trained and settled until there are enough."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lossbook.search import storage
from lossbook.search.claiming import claim, settle
from lossbook.search.plan import Plan
from lossbook.search.telling import Teller
from lossbook.search.trials import of_study
from lossbook.sweeps.crew import crew, employ
from lossbook.sweeps.supervise import Worker

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

    def give(worker: Worker) -> bool:
        return _train(study, folder, plan, how.timeout, teller, worker)

    employ(crew(how.script, how.workers), give, folder)


def _train(study: Study, folder: Path, plan: Plan, timeout: float | None, teller: Teller, worker: Worker) -> bool:
    """One trial, with this worker; False where none is left."""
    claimed = claim(study, plan, folder, worker.threads)
    if claimed is None:
        return False
    pruning = {
        "address": storage.url(folder),
        "trial": claimed.number,
        "pruner": plan.pruner,
        "epochs": plan.epochs,
    }
    ending = worker.run(
        folder / str(claimed.number),
        plan.named(claimed.values),
        plan.overrides(claimed.values),
        plan.folders,
        timeout=timeout,
        retry=claimed.again,  # its process was killed, or failed without a chance to say so
        pruning=pruning,
    )
    settled = settle(study, folder, claimed, ending, plan.primary[0])
    if settled is not None:
        teller.trial(settled, of_study(study))
    else:
        time.sleep(_ELSEWHERE_S)
    return True
