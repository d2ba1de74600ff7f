"""Compute the metrics of a checkpoint, on its own data or on other data."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lossbook.collector import paused_collector
from lossbook.config.check import check
from lossbook.config.folders import claim
from lossbook.config.options import Options
from lossbook.config.resolve import plain
from lossbook.config.resume import whose_config
from lossbook.errors import Problem, UserError, refuse

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from lossbook.data.fitted import FittedData

WORST = 100  # mistakes that are listed in a file
# Keys of a checkpoint's config that may be overridden, beside the values of data and of a test's trainer.
MAY_CHANGE = ("data", "seed", "trust", "trainer", "model.weights")  # model.weights: the checkpoint's replace them


def evaluate(
    config: DictConfig, options: Options | None = None, output: Path | None = None, worst: int = WORST
) -> dict[str, float]:
    """Test the weights of ``config.ckpt``, and print metrics, a table of the classes, and the worst mistakes.

    Args:
        config: from ``lossbook.compose("ckpt=PATH", ...)``.
        options: that could have been chosen, for errors; None: those of our ``conf``.
        output: folder for the tables and pictures; a number is added where it exists. None: nothing is written.
        worst: number of mistakes that are listed there.

    Returns:
        The metrics of the test part by tag (``test/acc``).

    Raises:
        UserError: no checkpoint is given, or data and checkpoint do not fit.
    """
    values = plain(config)
    if values.get("ckpt") is None:
        raise refuse("ckpt is not given.", "Evaluation needs a checkpoint.", "ckpt=outputs/.../checkpoints/best.ckpt")
    with paused_collector():
        from lossbook.checkpoints.read import ENTRY, read
        from lossbook.data.fitted import known_data
        from lossbook.data.source import sample_count
        from lossbook.training.assemble import assemble
        from lossbook.training.checkpoint_fits import load_weights
        from lossbook.training.details import Details
        from lossbook.training.details_files import print_details, write_details
        from lossbook.training.fit import quiet, raise_ctrl_c
        from lossbook.training.processes import launching
        from lossbook.training.summary import console, print_metrics, print_scored
        from lossbook.training.trainer import test_trainer
        from lossbook.trust import Trust

    checkpoint = read(values["ckpt"])
    on_top = values["overrides"][len(checkpoint[ENTRY]["config"].get("overrides") or ()) :]
    _refuse_without_effect(on_top, values["data"].get("views", 1))
    with whose_config(values["ckpt"]):
        contract = check(values, options, trains=False)
    known = known_data(checkpoint)
    with whose_config(values["ckpt"]):
        assembly = assemble(values, contract, Trust.of(values), known=known, evaluating=True)
    _refuse_seed(on_top, known, assembly.fitted)
    load_weights(assembly.module, values)
    with quiet(), launching(), raise_ctrl_c():
        trainer = test_trainer(values["trainer"])
        details = Details(worst)
        if trainer.world_size == 1:  # the tables are of all samples
            trainer.callbacks.append(details)  # type: ignore[attr-defined]
        if trainer.is_global_zero:
            print_scored(values, assembly, known)
        trainer.test(assembly.module, datamodule=assembly.data, verbose=False)
    metrics = {tag: float(value) for tag, value in trainer.callback_metrics.items()}
    if trainer.is_global_zero:
        print_metrics(metrics, assembly.module.primary, assembly.task.hints())
        if trainer.world_size > 1:
            console().print("note         classes and mistakes are listed by one process alone: trainer.devices=1")
        name_of = functools.partial(assembly.data.sample_name, "test")
        print_details(console(), details.found(), name_of, sample_count(assembly.data.part("test")))
        if output is not None:
            for file in write_details(claim(output), metrics, details.found(), name_of):
                console().print(f"written      {file}")
    return metrics


def _refuse_seed(on_top: Sequence[str], known: FittedData | None, fitted: FittedData) -> None:
    """Refuse ``data.seed`` for a user's own data, whose parts the checkpoint knows."""
    given = next((argument for argument in on_top if argument.startswith("data.seed=")), None)
    if given is not None and known is not None and fitted.known is not None:
        rule = "Samples keep their parts of training, and all new ones are scored: data.seed would have no effect."
        raise refuse(given, rule, f"leave {given} out")


def _refuse_without_effect(on_top: Sequence[str], views: int) -> None:
    """Refuse arguments that would change what was trained, or have no effect."""
    from lossbook.training.trainer import OF_A_TEST

    may_change = (*MAY_CHANGE, *(f"trainer.{key}" for key in OF_A_TEST))
    keys = {argument: argument.lstrip("+~").partition("=")[0] for argument in on_top}
    wrong = [argument for argument, key in keys.items() if key not in may_change and not key.startswith("data.")]
    rule = "A checkpoint is evaluated as it was trained; only data, and the trainer's device, may change."
    idle = {"data.epochs": "A test goes through its part once."}
    idle |= dict.fromkeys(
        ("data.mixup", "data.cutmix", "data.sampling"), "Only training batches are mixed and balanced."
    )
    if views == 1:
        idle["data.augment"] = "Only training batches are augmented, and the two views of a sample."
    found = [Problem(argument, rule, f"remove {argument}") for argument in wrong]
    found += [Problem(argument, idle[key], f"remove {argument}") for argument, key in keys.items() if key in idle]
    if found:
        raise UserError(*found)
