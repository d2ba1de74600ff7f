"""Add what Lightning's checkpoints lack: config, version, random number generators, curves, time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import lightning
import torch
from lightning.pytorch.utilities.rank_zero import rank_zero_warn

from lossbook.checkpoints.read import ENTRY
from lossbook.processes import gathered, own_of
from lossbook.rng import restore_rng_states, rng_states, seed_generators
from lossbook.training.callbacks.averaged_weights import load_trained
from lossbook.training.curves import CurveState, RecentPoints
from lossbook.training.lightning_internals import correct_resumed_progress, pending_epoch_metrics


@dataclass(frozen=True)
class Attempt:
    """How far a run had come when the checkpoint was written from which it is resumed in place.

    Args:
        seconds: that it had taken.
        curves: the last points of its curves; None: it had no logger of Lossbook.
        stopped: its training was told to stop, by early stopping for example.
    """

    seconds: float = 0.0
    curves: CurveState | None = None
    stopped: bool = False

    @classmethod
    def of(cls, checkpoint: Mapping[str, Any]) -> Attempt:
        """Return the attempt that wrote a checkpoint; entries that older checkpoints lack have their defaults."""
        entry = checkpoint[ENTRY]
        curves = entry.get("curves")
        return cls(entry.get("seconds", 0.0), curves and CurveState.of(curves), entry.get("stopped", False))


class Record(lightning.Callback):
    """Adds the ``lossbook`` entry to every checkpoint and restores the random number generators of a resumed run.

    It must be the last of the callbacks. The generators are restored in ``on_train_start``, the last hook before the
    first batch both at an epoch's start and within an epoch (where Lightning skips ``on_train_epoch_start``), so that
    numbers drawn to build the model or to set up the loaders do not matter. No later hook that an uninterrupted run
    would not run as well (``LightningModule.on_train_start``) may draw numbers. In a new run over several processes
    each is seeded differently from there on, after all have built the same weights.

    Args:
        entry: plain values: the resolved ``config``, and the fitted ``data``. ``version``, ``rng`` (a state for each
            process), ``seconds``, ``curves`` and ``stopped`` are added.
        seconds: returns how long the run has taken so far.
        stopped: the run is resumed in place after its training had ended: it ends again before its first batch.
    """

    def __init__(
        self, entry: Mapping[str, Any], seconds: Callable[[], float] = lambda: 0.0, stopped: bool = False
    ) -> None:
        assert not {"version", "rng", "seconds", "curves", "stopped"} & entry.keys(), "these are written here"
        self.entry = dict(entry)
        self.seconds = seconds
        self.stopped = stopped
        self._rng: dict[str, Any] | None = None

    def on_save_checkpoint(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        # every process has generators of its own, and one process writes the file
        states = gathered(rng_states(trainer.strategy.root_device), trainer.world_size)
        checkpoint[ENTRY] = {
            **self.entry,
            "version": version("lossbook"),
            "rng": states,
            "seconds": self.seconds(),
            "curves": _curves(trainer),
            "stopped": trainer.should_stop,
        }

    def on_load_checkpoint(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        if trainer.state.fn == "fit":
            load_trained(pl_module, checkpoint)  # also where this run does not average its weights
        states = checkpoint[ENTRY]["rng"]
        self._rng = own_of(states, trainer.global_rank, trainer.world_size)
        if self._rng is None:  # each process sees other batches: no state would make that exact
            rank_zero_warn(
                f"The checkpoint is of {len(states)} processes, this run has {trainer.world_size}: random numbers, and"
                " within an epoch the running metrics of training, start afresh."
            )

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        correct_resumed_progress(trainer)
        if self._rng is not None:
            restore_rng_states(self._rng, trainer.strategy.root_device)
            self._rng = None
        elif trainer.global_rank > 0:
            seed_generators(torch.initial_seed(), trainer.global_rank)  # the run's seed, equal in all processes
        trainer.should_stop |= self.stopped

    def on_fit_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        if self._rng is not None:  # nothing was left to train: the test draws the same numbers
            restore_rng_states(self._rng, trainer.strategy.root_device)
            self._rng = None


def _curves(trainer: lightning.Trainer) -> dict[str, Any] | None:
    """Flush the curves, and return their state; None without a logger of Lossbook."""
    pending = pending_epoch_metrics(trainer)
    ours = [logger for logger in trainer.loggers if isinstance(getattr(logger, "latest", None), RecentPoints)]
    for logger in ours:
        logger.save()
    return ours[0].latest.curves([pending] if pending else []).state() if ours else None  # type: ignore[attr-defined]
