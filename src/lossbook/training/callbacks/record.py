"""What a checkpoint says of its run beyond Lightning's own: config, version, random number generators, curves, time."""

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
    """How far a run had come that goes on in its own folder.

    Args:
        seconds: that it had taken, as far as its checkpoint knows.
        curves: where its curves stood; None: no logger of ours drew any.
        stopped: its training had been told to stop, by early stopping for one.
    """

    seconds: float = 0.0
    curves: CurveState | None = None
    stopped: bool = False

    @classmethod
    def of(cls, checkpoint: Mapping[str, Any]) -> Attempt:
        """The attempt that wrote a checkpoint; what older checkpoints do not say counts as nothing."""
        entry = checkpoint[ENTRY]
        curves = entry.get("curves")
        return cls(entry.get("seconds", 0.0), curves and CurveState.of(curves), entry.get("stopped", False))


class Record(lightning.Callback):
    """Puts the ``lossbook`` entry into every checkpoint and, on resuming, the generators back where they were.

    Args:
        entry: plain values that make a checkpoint stand alone: ``config`` (resolved), ``choices``, ``overrides``, ...;
            ``version``, ``rng`` (one state for each process), ``seconds``, ``curves`` and ``stopped`` are added.
        seconds: that the run has taken so far, asked for at each checkpoint.
        stopped: the run goes on in its own folder, and its training had ended: it ends again before its first batch.

    To be given last among the callbacks. The generators are set in ``on_train_start``, the last hook that runs before
    the first batch both at an epoch's start and within one (there Lightning skips ``on_train_epoch_start``): whatever
    building the model, the sanity check or setting up the loaders has drawn no longer matters. So nothing that comes
    later and that an uninterrupted run would not do as well (``LightningModule.on_train_start``) may draw a number.
    In a fresh run over several processes each draws numbers of its own from there on: all built the same weights first.
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
        # every process draws its own numbers, and one of them writes the file
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
            load_trained(pl_module, checkpoint)  # whether or not this run averages its weights
        states = checkpoint[ENTRY]["rng"]
        self._rng = own_of(states, trainer.global_rank, trainer.world_size)
        if self._rng is None:  # each process sees other batches anyway: no state would make that exact
            rank_zero_warn(
                f"The checkpoint is of {len(states)} processes, this run has {trainer.world_size}: random numbers, and"
                " within an epoch the running figures of training, start afresh."
            )

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        correct_resumed_progress(trainer)
        if self._rng is not None:
            restore_rng_states(self._rng, trainer.strategy.root_device)
            self._rng = None
        elif trainer.global_rank > 0:
            seed_generators(torch.initial_seed(), trainer.global_rank)  # the run's seed, the same in all of them
        trainer.should_stop |= self.stopped

    def on_fit_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        if self._rng is not None:  # nothing was left to train: the test draws what it would have drawn
            restore_rng_states(self._rng, trainer.strategy.root_device)
            self._rng = None


def _curves(trainer: lightning.Trainer) -> dict[str, Any] | None:
    """Where the curves stand, all that they hold being in their files by now; None where no logger of ours is."""
    pending = pending_epoch_metrics(trainer)
    ours = [logger for logger in trainer.loggers if isinstance(getattr(logger, "latest", None), RecentPoints)]
    for logger in ours:
        logger.save()
    return ours[0].latest.curves([pending] if pending else []).state() if ours else None  # type: ignore[attr-defined]
