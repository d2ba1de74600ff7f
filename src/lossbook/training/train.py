"""One run, from its config to its figures: check, build, claim a folder, fit, test the best, write down."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
        config: as ``lossbook.compose`` gives it. Where its ``ckpt`` lies in ``checkpoints`` of the given folder, the
            run goes on in place: its curves and its time continue, and a run that was killed after its last step is
            only tested. Otherwise a run goes on in a folder of its own.
        folder: of the run; ``outputs/<loss>-<optim>/<date>_<time>`` is claimed where None.
        name: what TensorBoard shows as the run's name (``loss=mse,seed=0``): of a folder within the run's that holds
            the event files. What no folder can be called is replaced.
        callbacks: of Lightning's, beside those of the config.
        options: that could have been chosen, for errors; those of our ``conf`` if None.

    Returns:
        The final figures by tag (``val/acc``, ``test/loss``, ...): those of validation at the best epoch, and those of
        the test part under the weights of that epoch.

    Raises:
        UserError: whatever is wrong with the config, the data or the run; what the config alone can tell comes before
            torch is imported, and nothing is written before all is checked.
        Pruned: a callback has raised it; ``metrics.json`` holds the best figures so far.
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
    """``train``, which keeps the run's folder from other processes until ``kept`` is closed."""
    if not is_first():
        end_with_parent()
    values = plain(config)
    with whose_config(values["ckpt"]):
        contract = check(values, options)

    # torch takes seconds to import: a refused config need not wait for it
    from lightning.pytorch.utilities.exceptions import SIGTERMException

    from lossbook.checkpoints.read import read
    from lossbook.data.fitted import changes, known_data
    from lossbook.training.assemble import assemble
    from lossbook.training.callbacks.record import Attempt
    from lossbook.training.checkpoint_fits import require_fit
    from lossbook.training.fit import close_loggers, fit, make_trainer
    from lossbook.training.folder import RunFolder
    from lossbook.training.going_on import checkpoint_to_go_on_from, earlier_attempt, goes_on_in
    from lossbook.training.hparams import log_outcome
    from lossbook.training.loggers import quiet_writers
    from lossbook.training.memory import PeakMemory
    from lossbook.training.processes import folder_of_the_first, launching
    from lossbook.training.resuming import loading_of, told
    from lossbook.training.summary import print_broken_off, print_outcome, print_plan
    from lossbook.training.traces import no_traces

    started = time.perf_counter()
    memory = PeakMemory()
    if not is_first():
        folder = folder_of_the_first()  # which decides where, and from what, the run goes on
    in_place = goes_on_in(folder, values["ckpt"])
    if in_place and is_first():
        assert folder is not None
        kept.enter_context(going_on(Path(folder)))
    values["ckpt"] = checkpoint_to_go_on_from(values, folder)
    saved = to_save(config)
    attempt = earlier_attempt(saved, values["ckpt"]) if in_place else Attempt()

    def seconds() -> float:
        return attempt.seconds + time.perf_counter() - started

    trust = Trust.of(values)
    loading = loading_of(values)
    known = known_data(read(values["ckpt"])) if values["ckpt"] else None
    with no_traces(bool(values["trainer"].get("compile"))), quiet_writers():
        with whose_config(values["ckpt"]):
            assembly = assemble(values, contract, trust, loading, known)
        # refuses what cannot be before a folder is there
        make = make_trainer(
            values,
            saved,
            assembly,
            trust,
            name=run_name([name or ""]),
            more=callbacks,
            attempt=attempt,
            seconds=seconds,
        )
        if is_first() and not in_place:
            base = run_base(values["choices"]) if folder is None else Path(folder)
            new = missing(base)  # a run that fails before it has written anything leaves no folder behind
            kept.enter_context(discarding(new))
            made = kept.enter_context(claimed(base))
            new += [made.absolute()] if made != base else []
        else:
            assert folder is not None
            made = Path(folder)
        record = RunFolder(made, values, assembly.module.primary, assembly.fitted, assembly.objective.hints())
        with whose_config(values["ckpt"]):
            trainer = make(made)
        require_fit(trainer, assembly.module, values, loading)
        memory.watch(trainer.strategy.root_device)
        resumed = changes(known, assembly.fitted) if values["ckpt"] else []
        print_plan(values, contract, assembly, trainer, made, [*resumed, *told(values, assembly.groups, loading)])
        record.start()
        try:
            with launching(made):
                outcome = fit(trainer, assembly, values["ckpt"])
            log_outcome(trainer, values, record.primary[0], outcome, "completed")
            record.finish(outcome, seconds(), memory.figures())
        except BaseException as error:
            leave_unwatched(trainer)
            if isinstance(error, SIGTERMException) and trainer.is_global_zero:
                error.code = 128 + signal.SIGTERM  # as shells have it: a cluster takes 0 for a run that is done
            lost = _of_another_process(error, trainer.world_size)
            other = lost or unwritten(error, made)
            status, outcome = record.fail(
                other or error, trainer, seconds(), memory.figures(), resumable=lost is not None
            )
            with suppress(OSError):  # the disk may be full, which is what the error itself says
                log_outcome(trainer, values, record.primary[0], outcome, status)
            if trainer.is_global_zero and not isinstance(error, Pruned) and made.is_dir():
                there = [path for path in (outcome.last_path, outcome.best_path) if path and path.exists()]
                print_broken_off(there[0] if there else None, made)
            if other is not None:
                raise other from error
            raise
        finally:
            close_loggers(trainer)
    if trainer.is_global_zero:
        print_outcome(outcome, assembly.module.primary, made, seconds(), assembly.objective.hints())
    return dict(outcome.figures)


def _of_another_process(error: BaseException, processes: int) -> UserError | None:
    """The error instead of one that says only that another process of the run has ended."""
    lost = r"closed by peer|reset by peer|remote process exited|Broken pipe"
    if processes == 1 or not (isinstance(error, RuntimeError) and re.search(lost, str(error))):
        return None
    return refuse("Another process of this run has ended.", "Its own message says why; the others cannot go on alone.")
