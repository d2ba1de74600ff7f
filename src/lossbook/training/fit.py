"""Build the trainer of a run, fit, and test the best checkpoint."""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback, Checkpoint, ProgressBar
from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from lightning.pytorch.utilities.warnings import PossibleUserWarning

from lossbook.build import bind, build, of_kind
from lossbook.checkpoints.read import AtomicCheckpointIO
from lossbook.errors import UserError, nearest, refuse
from lossbook.metrics.direction import mode_of
from lossbook.optim.capabilities import capability
from lossbook.training.assemble import Assembly
from lossbook.training.callbacks.charts import ChartLayout
from lossbook.training.callbacks.checkpoints import Checkpoints
from lossbook.training.callbacks.optimizer_averages import OptimizerAverages
from lossbook.training.callbacks.record import Attempt, Record
from lossbook.training.callbacks.stages import Stages
from lossbook.training.freed_memory import keep_freed_memory
from lossbook.training.learning_checks import Movement, notes
from lossbook.training.lightning_internals import reduce_step_overhead
from lossbook.training.loggers import TensorBoard
from lossbook.training.trainer import build_trainer, lightning_message, trainer_options
from lossbook.trust import Trust

MakeTrainer = Callable[[Path], L.Trainer]


@dataclass
class Outcome:
    """The results of a run.

    Args:
        metrics: metrics by tag: ``train/`` and ``val/`` of the best epoch, ``test/`` with its weights.
            Without a best checkpoint the latest ones.
        best_epoch: counted from 1, or None where no checkpoint was kept.
        best_by_loss: other epochs have the same value of the watched metric, and the lower ``val/loss`` decided.
        best_path, last_path: the files, or None.
        epochs, steps: that were trained.
        notes: signs that nothing was learned, a sentence each.
    """

    metrics: dict[str, float] = field(default_factory=dict)
    best_epoch: int | None = None
    best_by_loss: bool = False
    best_path: Path | None = None
    last_path: Path | None = None
    epochs: int = 0
    steps: int = 0
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, trainer: L.Trainer) -> Outcome:
        """Return how far a run has come, and the metrics of its best checkpoint."""
        found = cls(epochs=trainer.current_epoch, steps=trainer.global_step)
        kept = next((c for c in trainer.callbacks if isinstance(c, Checkpoints)), None)  # type: ignore[attr-defined]
        if kept is not None:
            found.metrics = dict(kept.best_metrics)
            found.best_path, found.last_path = kept.best_path, kept.last_path
            found.best_by_loss = kept.best_by_loss
            found.best_epoch = None if kept.best_epoch is None else kept.best_epoch + 1
        return found


def make_trainer(
    config: Mapping[str, Any],
    saved: Mapping[str, Any],
    assembly: Assembly,
    trust: Trust,
    *,
    name: str = "",
    more: Sequence[Callback] = (),
    attempt: Attempt | None = None,
    seconds: Callable[[], float] = lambda: 0.0,
) -> MakeTrainer:
    """Check the nodes of trainer, callbacks and loggers, and return a function from folder to trainer.

    Args:
        config: the whole config, resolved.
        saved: the config that checkpoints hold.
        assembly: what is trained.
        trust: what the config may build.
        name: of the folder for event files in the run's folder; empty: the run's folder itself.
        more: callbacks beside those of the config.
        attempt: the previous attempt, where the run goes on in its folder.
        seconds: returns how long the run has taken so far.
    """
    attempt = attempt or Attempt()
    monitor, _ = assembly.module.primary
    callbacks = {
        key: _watching(node, monitor, assembly.directions, f"callbacks.{key}")
        for key, node in _nodes(config["callbacks"])
    }
    loggers = dict(_nodes(config["logger"]))
    for group, nodes in (("callbacks", callbacks), ("logger", loggers)):
        for key, node in nodes.items():
            bind(node, key=f"{group}.{key}", trust=trust)
    can = capability(config["optim"]["_target_"])
    options = dict(config["trainer"])
    compiled = options.pop("compile", False)  # an option of Lossbook, not of the trainer
    options = trainer_options(options, len(assembly.data.train_dataloader()))

    def make(folder: Path) -> L.Trainer:
        built = [_callback(key, node, trust, folder) for key, node in callbacks.items()]
        place = {"save_dir": str(folder), "folder": folder, "curves": attempt.curves}
        place |= {"name": name} if name else {}
        logging_to = [
            of_kind(build(node, key=f"logger.{key}", trust=trust, offered=place), Logger, f"logger.{key}", node)
            for key, node in loggers.items()
        ]
        record = Record({"config": dict(saved), "data": assembly.fitted.state()}, seconds, attempt.stopped)
        frozen = not all(parameter.requires_grad for parameter in assembly.module.parameters())
        staged = [Stages()] if frozen or any("frozen_until" in group for group in assembly.groups) else []
        averaging = [] if can.averages is None else [OptimizerAverages(can.averages)]
        if compiled:
            for network in assembly.task.networks.values():
                network.compile()  # in place: the names of weights do not change
        with quiet():
            trainer = build_trainer(
                options,
                default_root_dir=folder,
                callbacks=[*staged, *built, *averaging, ChartLayout(), Movement(), *more, record],
                logger=logging_to,
                plugins=[AtomicCheckpointIO()],
                enable_checkpointing=any(isinstance(callback, Checkpoint) for callback in (*built, *more)),
                enable_progress_bar=any(isinstance(callback, ProgressBar) for callback in (*built, *more)),
                enable_model_summary=False,
                num_sanity_val_steps=0,
            )
        if can.closure and trainer.world_size > 1:
            rule = "Each process would search along its own line, and their weights would differ."
            raise refuse(
                f"{trainer.world_size} processes with {config['optim']['_target_']}.", rule, "trainer.devices=1"
            )
        return trainer

    return make


def fit(trainer: L.Trainer, assembly: Assembly, ckpt: str | None) -> Outcome:
    """Train from scratch or from a checkpoint, then test the best weights (the last ones where none were kept)."""
    module, data = assembly.module, assembly.data
    reduce_step_overhead(trainer, module)
    if trainer.strategy.root_device.type == "cpu":
        keep_freed_memory()
    with quiet(), raise_ctrl_c():
        try:
            trainer.fit(module, datamodule=data, ckpt_path=ckpt, weights_only=True if ckpt else None)
        except MisconfigurationException as error:
            raise refuse("The run cannot start.", lightning_message(error)) from error
        except RuntimeError as error:
            if (worded := _not_measured(error)) is not None:
                raise worded from error
            raise
        outcome = Outcome.of(trainer)
        if outcome.best_path is None:
            outcome.metrics = latest_metrics(trainer)
        if not getattr(trainer, "fast_dev_run", False):
            path = str(outcome.best_path) if outcome.best_path else None
            trainer.test(module, datamodule=data, ckpt_path=path, verbose=False)
            outcome.metrics.update(_metrics(trainer, "test/"))
        outcome.notes = notes(trainer, assembly, outcome.metrics)
    return outcome


def _not_measured(error: RuntimeError) -> UserError | None:
    """Return the error for a tag that early stopping monitors and nothing logs; None for another error."""
    found = re.match(r"Early stopping conditioned on metric `(.*)` which is not available.*?: `(.*)`", str(error))
    if found is None:
        return None
    tags = [tag for tag in found[2].split("`, `") if tag.startswith("val/")]
    fix = f"callbacks.early_stopping.monitor={nearest(found[1], tags) or 'primary'}"
    return refuse(f"callbacks.early_stopping.monitor={found[1]}", f"Validation measures {', '.join(tags)}.", fix)


@contextmanager
def raise_ctrl_c() -> Iterator[None]:
    """Raise KeyboardInterrupt after Ctrl-C; Lightning exits instead, which would end a whole sweep."""
    try:
        yield
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise error.__context__ from None
        raise


def close_loggers(trainer: L.Trainer) -> None:
    """Close the TensorBoard loggers, however the run ended: each would keep a file and a thread."""
    for logger in trainer.loggers:
        if isinstance(logger, TensorBoard):
            logger.close()


def latest_metrics(trainer: L.Trainer) -> dict[str, float]:
    """Return the latest metrics of training and validation; the checkpoint's where nothing was trained."""
    return _metrics(trainer, "train/", "val/")


def _metrics(trainer: L.Trainer, *stages: str) -> dict[str, float]:
    return {
        k: float(v) for k, v in trainer.callback_metrics.items() if k.startswith(stages) and not k.endswith("_step")
    }


def _nodes(group: Mapping[str, Any] | None) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, node in (group or {}).items():
        if isinstance(node, Mapping) and node.get("_target_"):
            yield name, node


def _callback(name: str, node: Mapping[str, Any], trust: Trust, folder: Path) -> Callback:
    try:
        key, offered = f"callbacks.{name}", {"folder": folder / "checkpoints"}
        made: Callback = of_kind(build(node, key=key, trust=trust, offered=offered), Callback, key, node)
    except MisconfigurationException as error:
        raise refuse(f"callbacks.{name} cannot be built.", lightning_message(error)) from error
    return made


def _watching(
    node: Mapping[str, Any], primary: str, directions: Mapping[str, str | None], key: str
) -> Mapping[str, Any]:
    """Replace ``monitor: primary`` in a callback's node by the run's tag, ``mode: primary`` by its direction."""
    words: dict[str, str] = {}
    if node.get("monitor") == "primary":
        words["monitor"] = primary
    if node.get("mode") == "primary":
        words["mode"] = mode_of(str(words.get("monitor") or node.get("monitor") or primary), directions, key)
    return {**node, **words}


@contextmanager
def quiet() -> Iterator[None]:
    """Silence Lightning's notices and tips; the run prints what it decided."""
    names = ("lightning.pytorch", "lightning.fabric")
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.WARNING)
    os.environ.setdefault("LIGHTNING_DISABLE_TIPS", "1")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PossibleUserWarning)  # advice on workers and logging intervals
            warnings.filterwarnings("ignore", r".*isinstance\(treespec, LeafSpec\)")  # Lightning 2.6 under torch 2.15
            warnings.filterwarnings("ignore", "You have overridden `on_before_batch_transfer`")  # on purpose
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
