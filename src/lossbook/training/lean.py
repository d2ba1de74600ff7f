"""Lightning's step without what costs time and does nothing.

With a small network a step takes a millisecond, of which what is left out here is a fifth.
"""

from __future__ import annotations

import os
from contextlib import nullcontext
from typing import Any

import lightning as L
import torch
from lightning.pytorch.profilers import PassThroughProfiler

STEP_HOOKS = (
    "on_train_batch_start",
    "on_before_zero_grad",
    "on_before_backward",
    "on_after_backward",
    "on_before_optimizer_step",
    "on_train_batch_end",
)
"""Hooks of every step whose result nobody asks for."""


def make_lean(trainer: L.Trainer, module: L.LightningModule) -> None:
    """All of what follows, for one run."""
    ask_for_gpus_once()
    skip_idle_profiler(trainer)
    skip_idle_hooks(trainer, module)


def skip_idle_hooks(trainer: L.Trainer, module: L.LightningModule) -> None:
    """Hide the hooks that neither the module nor a callback overrides: Lightning passes over what is not callable."""
    callbacks: list[Any] = trainer.callbacks  # type: ignore[attr-defined]
    for owner, base in ((module, L.LightningModule), *((callback, L.Callback) for callback in callbacks)):
        for hook in STEP_HOOKS:
            if getattr(type(owner), hook, None) is getattr(base, hook) and hook not in vars(owner):
                setattr(owner, hook, None)


def skip_idle_profiler(trainer: L.Trainer) -> None:
    """Make the profiler that records nothing do so at less cost: Lightning enters it some thirty times a step."""
    profiler = trainer.profiler  # type: ignore[attr-defined]
    if type(profiler) is PassThroughProfiler:
        nothing = nullcontext()
        profiler.profile = lambda action_name: nothing  # type: ignore[assignment, return-value]


def ask_for_gpus_once() -> None:
    """Without a GPU, keep each optimizer step from looking for the driver's library on the disk again.

    Lightning makes torch ask for GPUs through that library (so that processes can be forked afterwards), and torch asks
    before every fused step: 70 us each time where there is none.
    """
    if not torch.cuda.is_available():
        os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "0"
