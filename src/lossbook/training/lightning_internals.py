"""Every private attribute of Lightning 2.6 that is used, and every hook of it that is switched off or replaced.

Lightning has no public way to ask or do what stands here. A new version may change it without notice: the tests of this
module name what breaks then. All else in the package uses Lightning's public interface alone.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import nullcontext
from types import FrameType
from typing import Any, Literal

import lightning as L
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.loops.loop import _Loop
from lightning.pytorch.profilers import PassThroughProfiler

HOOK_NAME = "_current_fx_name"
"""The attribute of a module in which the trainer notes the hook that is running, several times a step."""

STEP_HOOKS = (
    "on_train_batch_start",
    "on_before_zero_grad",
    "on_before_backward",
    "on_after_backward",
    "on_before_optimizer_step",
    "on_train_batch_end",
)
"""Hooks that are called at every step and whose result is not used."""


def is_last_batch(trainer: L.Trainer) -> bool:
    """Return whether the training batch handed out last is the last one of its epoch."""
    return trainer.fit_loop.epoch_loop._num_ready_batches_reached()


def is_accumulating(trainer: L.Trainer) -> bool:
    """Return whether the optimizer waits for more batches before it steps."""
    return trainer.fit_loop.epoch_loop._should_accumulate()


def validation_follows(trainer: L.Trainer) -> bool:
    """Return whether a validation comes after this training batch."""
    fetcher = trainer.fit_loop._data_fetcher
    assert fetcher is not None
    return trainer.fit_loop.epoch_loop._should_check_val_fx(fetcher)


def batch_number(trainer: L.Trainer, stage: Literal["train", "val", "test"]) -> int:
    """Return the number of the stage's current batch in its epoch, from 1."""
    training = trainer.fit_loop.epoch_loop
    validation = training.val_loop if trainer.state.fn == "fit" else trainer.validate_loop
    loop: Any = {"train": training, "val": validation, "test": trainer.test_loop}[stage]
    return int(loop.batch_progress.current.ready)


def pending_epoch_metrics(trainer: L.Trainer) -> tuple[int, dict[str, float]] | None:
    """Return an epoch's training metrics before they are logged, with their step; None within an epoch.

    Lightning logs them after all checkpoints of the epoch's end are written. Every process must call this: a metric may
    be reduced over all of them.
    """
    connector = trainer._logger_connector
    if not (trainer.loggers and trainer.training and connector._first_loop_iter is None):
        return None
    metrics = connector.metrics["log"]
    if not metrics:
        return None
    values = {tag: value.item() if isinstance(value, torch.Tensor) else value for tag, value in metrics.items()}
    return trainer.fit_loop.epoch_loop._batches_that_stepped - 1, {**values, "epoch": trainer.current_epoch}


def replace_sigterm_handling(
    trainer: L.Trainer,
    handler: Callable[[int, FrameType | None], None],
    ignored: Callable[..., Any],
    agree: Callable[[], None],
) -> None:
    """Replace how a trainer handles SIGTERM.

    Args:
        trainer: in whose ``setup`` this is called; the handlers are installed later.
        handler: of the signal, in place of Lightning's.
        ignored: a handler that Lightning is not to call beside that.
        agree: called by every process before each training batch, in place of Lightning's exchange.
    """
    connector = trainer._signal_connector
    connector._sigterm_notifier_fn = handler  # type: ignore[method-assign, assignment]
    known = (None, signal.SIG_DFL, ignored)
    connector._has_already_handler = lambda signum: signal.getsignal(signum) not in known  # type: ignore[method-assign]
    trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor = agree  # type: ignore[method-assign]


def correct_resumed_progress(trainer: L.Trainer) -> None:
    """Correct the flags and counters of a resumed fit loop; to be called from ``on_train_start``.

    1. With ``max_steps`` set, a checkpoint from an epoch's end counts as one from within it: Lightning would run the
       hooks of that epoch's end a second time and count the epoch twice. It is made to start the next one.
    2. A validation that came early, because training was told to stop within an epoch, is not among those that
       Lightning expects: the logged step would lag one behind.
    3. Where ``configure_optimizers`` asks for ``estimated_stepping_batches``, the loader is set up before the
       counters are restored, and never gets its position: the epoch would start from its first batch again.
    """
    fit_loop, epoch_loop = trainer.fit_loop, trainer.fit_loop.epoch_loop
    if fit_loop.restarted_on_epoch_end:
        fit_loop.epoch_progress.increment_completed()
        _clear_restarting(fit_loop)
        fit_loop.reset_restart_stage()
        epoch_loop.reset_restart_stage()
    if fit_loop.restarted_mid_epoch and fit_loop._combined_loader_states_to_load:
        fit_loop._load_combined_loader_states()
        assert fit_loop._data_fetcher is not None
        iter(fit_loop._data_fetcher)
    if fit_loop.restarted_mid_epoch and epoch_loop.restarted_on_last:
        expected = validation_follows(trainer) or is_accumulating(trainer)
        epoch_loop._batches_that_stepped += 0 if expected else 1


def _clear_restarting(loop: _Loop) -> None:
    """Clear the flag of a loop and the loops in it; the property's setter raises where ``max_steps`` is set."""
    loop._restarting = False
    for inner in vars(loop).values():
        if isinstance(inner, _Loop):
            _clear_restarting(inner)


def open_writer(logger: TensorBoardLogger) -> Any:
    """Return a logger's ``SummaryWriter``, or None where none was opened; ``logger.experiment`` would open one."""
    return logger._experiment


def reduce_step_overhead(trainer: L.Trainer, module: L.LightningModule) -> None:
    """Skip what costs time at every step and does nothing: a fifth of a step of 1 ms, which small networks take."""
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
    """Make the profiler that records nothing cheaper: Lightning enters it some thirty times a step."""
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
