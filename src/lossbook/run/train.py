"""A run from its config to its figures: check, build, claim a folder, fit, test the best, write down."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossbook.composing.check import check
from lossbook.composing.folders import claim, run_base
from lossbook.composing.plain import plain
from lossbook.composing.resume import to_save
from lossbook.errors import UserError
from lossbook.processes import is_first

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
    from lossbook.run.processes import folder_of_the_first, launching
    from lossbook.run.record import Recorder
    from lossbook.run.summary import print_broken_off, print_outcome, print_plan
    from lossbook.run.trusting import trust_of

    started = time.perf_counter()
    refuse_finished(values)
    trust = trust_of(values)
    assembly = assemble(values, contract, trust)
    make = make_trainer(values, to_save(config), assembly, trust)  # refuses what cannot be before a folder is there
    if is_first():
        made = claim(run_base(values["choices"])) if folder is None else _unused(Path(folder))
    else:
        made = folder_of_the_first()
    with _removed_if_empty(made):
        recorder = Recorder(made, values, assembly.module.primary)
        trainer = make(made)
        print_plan(values, contract, assembly, trainer, made)
        recorder.start()
    try:
        with launching(made):
            outcome = fit(trainer, assembly, values["ckpt"])
    except BaseException as error:
        kept = recorder.fail(error, trainer, time.perf_counter() - started)
        if trainer.is_global_zero:
            print_broken_off(kept, made)
        raise
    recorder.finish(outcome, time.perf_counter() - started)
    if trainer.is_global_zero:
        print_outcome(outcome, assembly.module.primary, made, time.perf_counter() - started)
    return dict(outcome.figures)


def _unused(folder: Path) -> Path:
    """The folder that the user named, or one beside it where it holds a run already."""
    if (folder / "config.yaml").exists():
        return claim(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def _removed_if_empty(folder: Path) -> Iterator[None]:
    """A run that fails before it has written anything leaves no folder behind."""
    try:
        yield
    except UserError:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
        raise
