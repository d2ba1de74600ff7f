"""Run a learning rate range test on the data, model, loss and optimizer of a run."""

from __future__ import annotations

import csv
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossbook.collector import paused_collector
from lossbook.config.check import check
from lossbook.config.folders import OUTPUTS, claim, run_base
from lossbook.config.options import Options
from lossbook.config.resolve import plain
from lossbook.errors import Problem, UserError
from lossbook.invocation import as_typed
from lossbook.optim.capabilities import capability
from lossbook.optim.checks import one_process

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from lossbook.optim.range_test import RangeTest, RangeTestCurve
    from lossbook.training.assemble import Assembly

OPTIONS: dict[str, Any] = {"find.min": 1e-7, "find.max": 10.0, "find.steps": 200}


def find_lr(
    config: DictConfig,
    folder: Path | None,
    keys: Mapping[str, Any],
    config_dir: str | None = None,
    options: Options | None = None,
) -> dict[str, float]:
    """Train a few steps with a growing learning rate, plot the loss over it, and suggest a rate to train with.

    Writes ``find_lr.png`` and ``find_lr.csv``; the weights are not kept.

    Args:
        config: from ``lossbook.compose``; its schedule is ignored.
        folder: for the files; None: a new ``outputs/find_lr/<loss>-<optim>/<date>_<time>``.
        keys: values of ``OPTIONS``.
        config_dir: folder of the user's own options, for the command that is printed.
        options: that could have been chosen, for errors; None: those of our ``conf``.

    Returns:
        ``lr``, the suggested learning rate; empty where the loss never fell.

    Raises:
        UserError: for mistakes in the config, optimizers for which the test is meaningless, and a loss that diverges at
            once.
    """
    values = plain(config)
    contract = check(values, options)
    problems = list(_problems(values))
    if problems:
        raise UserError(*problems)

    with paused_collector():
        from lossbook.optim.range_test import RangeTest
        from lossbook.plots.range_test import draw
        from lossbook.training.assemble import assemble
        from lossbook.trust import Trust

    over = RangeTest(keys["find.min"], keys["find.max"], keys["find.steps"])
    assembly = assemble({**values, "scheduler": {"_target_": None}}, contract, Trust.of(values))
    curve = measure(values, assembly, over)
    choices = values["choices"]
    made = claim(run_base(choices, OUTPUTS / "find_lr")) if folder is None else Path(folder)
    made.mkdir(parents=True, exist_ok=True)
    _write(made / "find_lr.csv", curve)
    title = f"{choices['loss']} with {choices['optim']} on {choices['data']} ({choices['model']})"
    draw(curve, title, made / "find_lr.png")
    return _tell(values, curve, over, title, made, config_dir)


def measure(values: Mapping[str, Any], assembly: Assembly, over: RangeTest) -> RangeTestCurve:
    """Run the range test on an assembled run."""
    from lossbook.training.callbacks.growing_rates import DivergedError, GrowingRates
    from lossbook.training.fit import quiet, raise_ctrl_c
    from lossbook.training.lightning_internals import reduce_step_overhead
    from lossbook.training.processes import launching
    from lossbook.training.trainer import build_trainer, trainer_options

    growing = GrowingRates(over, float(values["optim"]["lr"]))
    devices = values["trainer"].get("devices")
    ours = {
        "devices": devices if isinstance(devices, list) else 1,  # auto may be several
        "max_epochs": -1, "max_steps": over.steps + 1, "min_epochs": None, "min_steps": None, "max_time": None,
        "limit_val_batches": 0, "check_val_every_n_epoch": 1, "val_check_interval": None,
    }  # fmt: skip
    # compiling does not change the result, and takes longer than the test
    given = {key: value for key, value in values["trainer"].items() if key != "compile"}
    options = trainer_options({**given, **ours}, len(assembly.data.train_dataloader()))
    silent = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    with quiet(), launching(), raise_ctrl_c():
        trainer = build_trainer(options, **silent, num_sanity_val_steps=0, callbacks=[growing])
        reduce_step_overhead(trainer, assembly.module)
        with suppress(DivergedError):
            trainer.fit(assembly.module, train_dataloaders=assembly.data)
    return growing.curve()


def next_command(overrides: Sequence[str], lr: float, config_dir: str | None = None) -> str:
    """Return the command that trains with ``lr`` and all other overrides."""
    kept = [one for one in overrides if one.lstrip("+~").partition("=")[0] != "optim.lr"]
    flags = [] if config_dir is None else ["--config-dir", config_dir]
    return as_typed(shlex.join(["python", "scripts/train.py", *flags, *kept, f"optim.lr={lr:g}"]))


def _problems(values: Mapping[str, Any]) -> list[Problem]:
    node, trainer, option = values["optim"], values["trainer"], values["choices"].get("optim")
    can, found = capability(str(node.get("_target_"))), []
    if values.get("ckpt") is not None:
        rule = "The test starts from initial weights, and a run that is resumed has a learning rate already."
        found.append(Problem(f"ckpt={values['ckpt']}", rule, "remove it"))
    if not can.schedule:
        rule = "Its learning rate is only the initial step size, which then adapts by itself."
        found.append(Problem(f"optim={option}", rule, f"python scripts/train.py optim={option}, with its default"))
    elif can.closure:
        rule = "It finds its step length by a line search, with several evaluations of each batch."
        found.append(Problem(f"optim={option}", rule, f"python scripts/train.py optim={option} optim.lr=1"))
    elif not isinstance(lr := node.get("lr"), (int, float)) or isinstance(lr, bool) or lr <= 0:
        rule = "It must be a number above 0, to which all groups keep their ratio."
        found.append(Problem(f"optim.lr={lr}", rule, "optim.lr=0.001"))
    if not one_process(trainer):
        key = "num_nodes" if trainer.get("num_nodes") not in (None, 1) else "devices"
        rule = "The test runs in one process, so the learning rate is that for its batch size."
        found.append(Problem(f"trainer.{key}={trainer[key]}", rule, f"trainer.{key}=1"))
    return found


def _write(path: Path, curve: RangeTestCurve) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["step", "lr", "loss", "smoothed"])
        smoothed = curve.smoothed()
        for step, (rate, loss) in enumerate(zip(curve.rates, curve.losses, strict=True)):
            rows.writerow([step, f"{rate:.6g}", f"{loss:.6g}", f"{smoothed[step]:.6g}"])


def _tell(
    values: Mapping[str, Any], curve: RangeTestCurve, over: RangeTest, title: str, folder: Path, config_dir: str | None
) -> dict[str, float]:
    from lossbook.training.summary import console

    out, found = console(), curve.suggestion()
    end = "where the loss diverged" if curve.diverged else "and the loss did not diverge"
    out.print(f"{title}: {len(curve.rates)} of {over.steps} steps, lr {over.least:g} to {curve.rates[-1]:.2g}, {end}")
    if found is None:
        out.print("suggested    [bold]none[/bold]: the loss never fell by more than its noise; try a larger find.max")
    else:
        why = "geometric mean of the rates of steepest descent and minimum"
        out.print(f"suggested    [bold]optim.lr={found.lr:g}[/bold], {why}")
        out.print(f"other rules  {found.steepest:g}, steepest descent; {found.tenth:g}, minimum / 10")
    out.print(f"plot         {folder / 'find_lr.png'}")
    if found is None:
        return {}
    out.print(f"next         {next_command(values['overrides'], found.lr, config_dir)}")
    return {"lr": found.lr}
