"""A run from its config to its figures: check, build, claim a folder, fit, test the best, write down."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossbook.composing.check import check
from lossbook.composing.folders import claim, discarding, missing, run_base
from lossbook.composing.plain import plain
from lossbook.composing.resume import to_save
from lossbook.errors import UserError, refuse
from lossbook.ranks import is_first
from lossbook.trust import Trust

if TYPE_CHECKING:
    from omegaconf import DictConfig


def train(config: DictConfig, folder: str | Path | None = None) -> dict[str, Any]:
    """Train, test the best checkpoint, and write everything into the run's folder.

    Args:
        config: as ``lossbook.compose`` gives it.
        folder: of the run; ``outputs/<loss>-<optim>/<date>_<time>`` is claimed where None.

    Returns:
        The final figures by tag (``val/acc``, ``test/loss``, ...): those of validation at the best epoch, and those of
        the test part under the weights of that epoch.

    Raises:
        UserError: whatever is wrong with the config, the data or the run; what the config alone can tell comes before
            torch is imported, and nothing is written before all is checked.
    """
    values = plain(config)
    contract = check(values)

    # torch takes seconds to import: a refused config need not wait for it
    from lossbook.run.assemble import assemble
    from lossbook.run.fit import fit, make_trainer, refuse_finished
    from lossbook.run.folder import RunFolder
    from lossbook.run.processes import folder_of_the_first, launching
    from lossbook.run.resuming import loading_of, told
    from lossbook.run.summary import print_broken_off, print_outcome, print_plan

    started = time.perf_counter()
    refuse_finished(values)
    trust = Trust.of(values)
    loading = loading_of(values)
    assembly = assemble(values, contract, trust, loading)
    make = make_trainer(values, to_save(config), assembly, trust)  # refuses what cannot be before a folder is there
    new: list[Path] = []  # a run that fails before it has written anything leaves no folder behind
    if is_first():
        base = run_base(values["choices"]) if folder is None else Path(folder)
        new += missing(base)
        made = claim(base) if folder is None else _unused(base)
        new += [made.absolute()] if made != base else []
    else:
        made = folder_of_the_first()
    with discarding(new):
        record = RunFolder(made, values, assembly.module.primary)
        trainer = make(made)
        print_plan(values, contract, assembly, trainer, made, told(values, assembly.groups, loading))
        record.start()
    try:
        with launching(made):
            outcome = fit(trainer, assembly, values["ckpt"])
    except BaseException as error:
        other = _of_another_process(error, trainer.world_size)
        kept = record.fail(other or error, trainer, time.perf_counter() - started)
        if trainer.is_global_zero:
            print_broken_off(kept, made)
        if other is not None:
            raise other from error
        raise
    record.finish(outcome, time.perf_counter() - started)
    if trainer.is_global_zero:
        print_outcome(outcome, assembly.module.primary, made, time.perf_counter() - started)
    return dict(outcome.figures)


def _unused(folder: Path) -> Path:
    """The folder that the user named, or one beside it where it holds a run already."""
    if (folder / "config.yaml").exists():
        return claim(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _of_another_process(error: BaseException, processes: int) -> UserError | None:
    """The error instead of one that says only that another process of the run has ended."""
    lost = r"closed by peer|reset by peer|remote process exited|Broken pipe"
    if processes == 1 or not (isinstance(error, RuntimeError) and re.search(lost, str(error))):
        return None
    return refuse("Another process of this run has ended.", "Its own message says why; the others cannot go on alone.")
