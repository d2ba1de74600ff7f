"""Train a run from its config: check, build, claim a folder, fit, test the best checkpoint, record the metrics."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossbook.collector import paused_collector
from lossbook.config.check import check
from lossbook.config.folders import claimed, discarding, going_on, missing, run_base
from lossbook.config.options import Options
from lossbook.config.resolve import plain
from lossbook.config.resume import to_save, whose_config
from lossbook.errors import Pruned, UserError, refuse
from lossbook.files import unwritten
from lossbook.naming import run_name
from lossbook.orphans import end_with_parent
from lossbook.processes import is_first, leave_unwatched
from lossbook.trust import Trust

if TYPE_CHECKING:
    from lightning.pytorch.callbacks import Callback
    from omegaconf import DictConfig


def train(
    config: DictConfig,
    folder: str | Path | None = None,
    *,
    name: str | None = None,
    callbacks: Sequence[Callback] = (),
    options: Options | None = None,
) -> dict[str, Any]:
    """Train, test the best checkpoint, and write everything into the run's folder.

    Args:
        config: from ``lossbook.compose``. If its ``ckpt`` lies in ``checkpoints`` of the given folder, the run is
            resumed in place: its curves and its time continue, and a run that was killed after its last step is only
            tested. Otherwise a resumed run has a folder of its own.
        folder: of the run; ``outputs/<loss>-<optim>/<date>_<time>`` is claimed where None.
        name: that TensorBoard shows for the run (``loss=mse,seed=0``): of a folder in the run's folder that holds the
            event files. Characters that a folder's name cannot have are replaced.
        callbacks: Lightning callbacks, beside those of the config.
        options: that could have been chosen, for errors; None: those of our ``conf``.

    Returns:
        The final metrics by tag (``val/acc``, ``test/loss``, ...): of validation at the best epoch, and of the test
        part with the weights of that epoch.

    Raises:
        UserError: for mistakes in the config, in the data, or in the run. Mistakes in the config are reported before
            torch is imported, and nothing is written before all is checked.
        Pruned: from a callback; ``metrics.json`` holds the best metrics so far.
    """
    with ExitStack() as kept:
        return _train(config, folder, name, callbacks, options, kept)


def _train(
    config: DictConfig,
    folder: str | Path | None,
    name: str | None,
    callbacks: Sequence[Callback],
    options: Options | None,
    kept: ExitStack,
) -> dict[str, Any]:
    """Train; the run's folder is locked against other processes until ``kept`` is closed."""
    if not is_first():
        end_with_parent()
    values = plain(config)
    with whose_config(values["ckpt"]):
        contract = check(values, options)

    # after the check: torch takes seconds to import
    with paused_collector():
        from lightning.pytorch.utilities.exceptions import SIGTERMException

        from lossbook.training.assemble import assemble
        from lossbook.training.checkpoint_fits import require_fit
        from lossbook.training.fit import close_loggers, fit, make_trainer
        from lossbook.training.folder import RunFolder
        from lossbook.training.hparams import log_outcome
        from lossbook.training.loggers import quiet_writers
        from lossbook.training.memory import PeakMemory
        from lossbook.training.process_state import restored_process_state
        from lossbook.training.processes import first_process_folder, launching
        from lossbook.training.resume import Resume, is_in_place
        from lossbook.training.summary import print_interrupted, print_outcome, print_plan

    started = time.perf_counter()
    memory = PeakMemory()
    if not is_first():
        folder = first_process_folder()  # the first process decides on folder and checkpoint
    in_place = is_in_place(folder, values["ckpt"])
    if in_place and is_first():
        assert folder is not None
        kept.enter_context(going_on(Path(folder)))
    saved = to_save(config)
    resume = Resume.of(values, saved, folder)
    values["ckpt"] = resume.path

    def seconds() -> float:
        return resume.attempt.seconds + time.perf_counter() - started

    trust = Trust.of(values)
    with restored_process_state(bool(values["trainer"].get("compile"))), quiet_writers():
        with whose_config(values["ckpt"]):
            assembly = assemble(values, contract, trust, resume.loading, resume.known)
        # raises what is wrong before the folder exists
        make = make_trainer(
            values,
            saved,
            assembly,
            trust,
            name=run_name([name or ""]),
            more=callbacks,
            attempt=resume.attempt,
            seconds=seconds,
        )
        if is_first() and not in_place:
            base = run_base(values["choices"]) if folder is None else Path(folder)
            new = missing(base)  # removed if the run fails before anything is written
            kept.enter_context(discarding(new))
            made = kept.enter_context(claimed(base))
            new += [made.absolute()] if made != base else []
        else:
            assert folder is not None
            made = Path(folder)
        record = RunFolder(made, values, assembly.module.primary, assembly.fitted, assembly.task.hints())
        with whose_config(values["ckpt"]):
            trainer = make(made)
        require_fit(trainer, assembly.module, values, resume.loading)
        memory.watch(trainer.strategy.root_device)
        print_plan(values, contract, assembly, trainer, made, resume.changes(values, assembly))
        record.start()
        try:
            with launching(made):
                outcome = fit(trainer, assembly, resume.path)
            log_outcome(trainer, values, record.primary[0], outcome, "completed")
            record.finish(outcome, seconds(), memory.metrics())
        except BaseException as error:
            leave_unwatched(trainer)
            if isinstance(error, SIGTERMException) and trainer.is_global_zero:
                error.code = 128 + signal.SIGTERM  # as a shell: to a cluster 0 would mean completion
            lost = _lost_process(error, trainer.world_size)
            other = lost or unwritten(error, made)
            status, outcome = record.fail(
                other or error, trainer, seconds(), memory.metrics(), resumable=lost is not None
            )
            with suppress(OSError):  # the disk may be full, as the error itself says
                log_outcome(trainer, values, record.primary[0], outcome, status)
            if trainer.is_global_zero and not isinstance(error, Pruned) and made.is_dir():
                there = [path for path in (outcome.last_path, outcome.best_path) if path and path.exists()]
                print_interrupted(there[0] if there else None, made)
            if other is not None:
                raise other from error
            raise
        finally:
            close_loggers(trainer)
    if trainer.is_global_zero:
        print_outcome(outcome, assembly.module.primary, made, seconds(), assembly.task.hints())
    return dict(outcome.metrics)


def _lost_process(error: BaseException, processes: int) -> UserError | None:
    """Return the error to show for one that says only that another process of the run has ended."""
    lost = r"closed by peer|reset by peer|remote process exited|Broken pipe"
    if processes == 1 or not (isinstance(error, RuntimeError) and re.search(lost, str(error))):
        return None
    return refuse("Another process of this run has ended.", "Its own message says why; this one cannot continue alone.")
