"""What a checkpoint says of its run beyond Lightning's own: the config, the version, the random number generators."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import lightning
import torch
from lightning.pytorch.utilities.rank_zero import rank_zero_warn

from lossbook.callbacks.averaged_weights import load_trained
from lossbook.callbacks.restart import mend_restart
from lossbook.checkpoint import ENTRY
from lossbook.ranks import gathered, own_of
from lossbook.rng import restore_rng_states, rng_states, seed_generators


class Record(lightning.Callback):
    """Puts the ``lossbook`` entry into every checkpoint and, on resuming, the generators back where they were.

    Args:
        entry: plain values that make a checkpoint stand alone: ``config`` (resolved), ``choices``, ``overrides``, ...;
            ``version`` and ``rng`` (one state for each process) are added.

    To be given last among the callbacks. The generators are set in ``on_train_start``, the last hook that runs before
    the first batch both at an epoch's start and within one (there Lightning skips ``on_train_epoch_start``): whatever
    building the model, the sanity check or setting up the loaders has drawn no longer matters. So nothing that comes
    later and that an uninterrupted run would not do as well (``LightningModule.on_train_start``) may draw a number.
    In a fresh run over several processes each draws numbers of its own from there on: all built the same weights first.
    """

    def __init__(self, entry: Mapping[str, Any]) -> None:
        assert not {"version", "rng"} & entry.keys(), "these two are written here"
        self.entry = dict(entry)
        self._rng: dict[str, Any] | None = None

    def on_save_checkpoint(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        # every process draws its own numbers, and one of them writes the file
        states = gathered(rng_states(trainer.strategy.root_device), trainer.world_size)
        checkpoint[ENTRY] = {**self.entry, "version": version("lossbook"), "rng": states}

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
        mend_restart(trainer)
        if self._rng is not None:
            restore_rng_states(self._rng, trainer.strategy.root_device)
            self._rng = None
        elif trainer.global_rank > 0:
            seed_generators(torch.initial_seed(), trainer.global_rank)  # the run's seed, the same in all of them
