"""Lightning's part of a run: the trainer, fitting, and testing the best checkpoint."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback, Checkpoint, ProgressBar
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from lightning.pytorch.utilities.warnings import PossibleUserWarning

from lossbook.build import bind, build
from lossbook.callbacks.charts import ChartLayout
from lossbook.callbacks.checkpoints import Checkpoints
from lossbook.callbacks.optimizer_averages import OptimizerAverages
from lossbook.callbacks.record import Record
from lossbook.callbacks.stages import Stages
from lossbook.checkpoint import AtomicCheckpointIO, read
from lossbook.errors import Problem, UserError, refuse
from lossbook.optim.capabilities import capability
from lossbook.run.assemble import Assembly
from lossbook.run.lean import make_lean
from lossbook.run.trainer import build_trainer, says, trainer_options
from lossbook.trust import Trust

MakeTrainer = Callable[[Path], L.Trainer]


@dataclass
class Outcome:
    """What a finished run came to.

    Args:
        figures: by tag: ``train/`` and ``val/`` of the best epoch, ``test/`` under its weights.
        best_epoch: counted from 1, or None where no checkpoint was kept.
        best_path, last_path: the files, or None.
        epochs, steps: how far training went.
    """

    figures: dict[str, float] = field(default_factory=dict)
    best_epoch: int | None = None
    best_path: Path | None = None
    last_path: Path | None = None
    epochs: int = 0
    steps: int = 0

    @classmethod
    def of(cls, trainer: L.Trainer) -> Outcome:
        """How far a run has come, and what its checkpoints hold."""
        found = cls(epochs=trainer.current_epoch, steps=trainer.global_step)
        kept = next((c for c in trainer.callbacks if isinstance(c, Checkpoints)), None)  # type: ignore[attr-defined]
        if kept is not None:
            found.figures.update(kept.best_figures)
            found.best_path, found.last_path = kept.best_path, kept.last_path
            found.best_epoch = None if kept.best_epoch is None else kept.best_epoch + 1
        return found


def make_trainer(config: Mapping[str, Any], saved: Mapping[str, Any], assembly: Assembly, trust: Trust) -> MakeTrainer:
    """Checks the trainer's, the callbacks' and the loggers' nodes, and returns folder -> trainer.

    Args:
        config: whole and resolved.
        saved: the config as checkpoints hold it.
        assembly: what is trained.
        trust: what the config may build.
    """
    monitor, mode = assembly.module.primary
    callbacks = {name: _watching(node, monitor, mode) for name, node in _nodes(config["callbacks"])}
    loggers = dict(_nodes(config["logger"]))
    for group, nodes in (("callbacks", callbacks), ("logger", loggers)):
        for name, node in nodes.items():
            bind(node, key=f"{group}.{name}", trust=trust)
    can = capability(config["optim"]["_target_"])
    options = dict(config["trainer"])
    compiled = options.pop("compile", False)  # ours, not the trainer's
    options = trainer_options(options, len(assembly.data.train_dataloader()))

    def make(folder: Path) -> L.Trainer:
        built = [_callback(name, node, trust, folder) for name, node in callbacks.items()]
        logging_to = [
            build(node, key=f"logger.{name}", trust=trust, offered={"save_dir": str(folder), "folder": folder})
            for name, node in loggers.items()
        ]
        frozen = not all(parameter.requires_grad for parameter in assembly.module.parameters())
        staged = [Stages()] if frozen or any("frozen_until" in group for group in assembly.groups) else []
        averaging = [] if can.averages is None else [OptimizerAverages(can.averages)]
        if compiled:
            assembly.module.model.compile()  # in place: names of weights stay as they are
        with quiet():
            trainer = build_trainer(
                options,
                default_root_dir=folder,
                callbacks=[*staged, *built, *averaging, ChartLayout(), Record({"config": dict(saved)})],
                logger=logging_to,
                plugins=[AtomicCheckpointIO()],
                enable_checkpointing=any(isinstance(callback, Checkpoint) for callback in built),
                enable_progress_bar=any(isinstance(callback, ProgressBar) for callback in built),
                enable_model_summary=False,
                num_sanity_val_steps=0,
            )
        if can.closure and trainer.world_size > 1:
            rule = "Each process would search along a line of its own, and they would part."
            raise refuse(
                f"{trainer.world_size} processes with {config['optim']['_target_']}.", rule, "trainer.devices=1"
            )
        return trainer

    return make


def refuse_finished(config: Mapping[str, Any]) -> None:
    """Refuse to go on from a checkpoint of a run that has nothing left to do, which Lightning takes in silence.

    Raises:
        UserError: as many epochs or steps are done as ``config["trainer"]`` asks for.
    """
    if config.get("ckpt") is None:
        return
    checkpoint = read(config["ckpt"])
    # within an epoch, the number of that epoch; at its end the next one, while Lightning's own "epoch" lags behind
    epochs = checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"]
    found = []
    for key, done, what in (("max_epochs", epochs, "epochs"), ("max_steps", checkpoint["global_step"], "steps")):
        limit = config["trainer"].get(key)
        if limit is not None and 0 <= limit <= done:
            given = f"ckpt={config['ckpt']} with trainer.{key}={limit}."
            rule = f"{done} {what} are done already: there is nothing to go on with."
            fix = f"trainer.{key}=N with N above {done}; scripts/evaluate.py ckpt=... gives its figures"
            found.append(Problem(given, rule, fix))
    if found:
        raise UserError(*found)


def fit(trainer: L.Trainer, assembly: Assembly, ckpt: str | None) -> Outcome:
    """Train from scratch or from a checkpoint, then test the best weights that were kept (the last ones otherwise)."""
    module, data = assembly.module, assembly.data
    make_lean(trainer, module)
    with quiet():
        try:
            trainer.fit(module, datamodule=data, ckpt_path=ckpt, weights_only=True if ckpt else None)
        except SystemExit:  # Lightning's answer to Ctrl-C, which would end a whole sweep
            if trainer.interrupted:
                raise KeyboardInterrupt from None
            raise
        except MisconfigurationException as error:
            raise refuse("The run cannot start like this.", says(error)) from error
        outcome = Outcome.of(trainer)
        if outcome.best_path is None:
            outcome.figures = _figures(trainer, "train/", "val/")
        if not getattr(trainer, "fast_dev_run", False):
            path = str(outcome.best_path) if outcome.best_path else None
            trainer.test(module, datamodule=data, ckpt_path=path, verbose=False)
            outcome.figures.update(_figures(trainer, "test/"))
    return outcome


def _figures(trainer: L.Trainer, *stages: str) -> dict[str, float]:
    return {
        k: float(v) for k, v in trainer.callback_metrics.items() if k.startswith(stages) and not k.endswith("_step")
    }


def _nodes(group: Mapping[str, Any] | None) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, node in (group or {}).items():
        if isinstance(node, Mapping) and node.get("_target_"):
            yield name, node


def _callback(name: str, node: Mapping[str, Any], trust: Trust, folder: Path) -> Callback:
    try:
        made: Callback = build(node, key=f"callbacks.{name}", trust=trust, offered={"folder": folder / "checkpoints"})
    except MisconfigurationException as error:
        raise refuse(f"callbacks.{name} cannot be built.", says(error)) from error
    return made


def _watching(node: Mapping[str, Any], monitor: str, mode: str) -> Mapping[str, Any]:
    """A callback's node with ``primary`` replaced by the metric that this run watches."""
    words = {"monitor": monitor, "mode": mode}
    return {key: words[key] if key in words and value == "primary" else value for key, value in node.items()}


@contextmanager
def quiet() -> Iterator[None]:
    """Without Lightning's notices and tips: the run says itself what it decided."""
    names = ("lightning.pytorch", "lightning.fabric")
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.WARNING)
    os.environ.setdefault("LIGHTNING_DISABLE_TIPS", "1")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PossibleUserWarning)  # advice on workers and logging intervals
            warnings.filterwarnings("ignore", r".*isinstance\(treespec, LeafSpec\)")  # Lightning 2.6 under torch 2.15
            warnings.filterwarnings("ignore", "You have overridden `on_before_batch_transfer`")  # the module's, rightly
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
