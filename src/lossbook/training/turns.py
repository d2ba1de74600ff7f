"""Optimizers that take turns: on each batch every one of them makes a step of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import lightning as L

from lossbook.errors import refuse
from lossbook.tasks.step import Step
from lossbook.tasks.task import Batch, Task


def take_turns(module: L.LightningModule, task: Task, batch: Batch, before_backward: Callable[[Step], None]) -> Step:
    """Make a step of each of the task's optimizers, in their order, on one batch.

    In a turn only the optimizer's own networks have gradients; the others are constants.

    Args:
        module: holds the networks, under manual optimization.
        task: what is trained.
        batch: for all of them.
        before_backward: sees each step before its loss goes backward.

    Returns:
        What all turns observed, as one step.
    """
    whole = Step(batch["input"].new_zeros(()), {})
    for turn, optimizer in zip(task.optimizers, cast(Sequence[Any], module.optimizers()), strict=True):
        with _trained(module, task.optimizers[turn]):
            step = task.step(batch, turn)
            before_backward(step)
            optimizer.zero_grad()
            module.manual_backward(step.loss)
        trainer = module.trainer
        module.clip_gradients(optimizer, trainer.gradient_clip_val, trainer.gradient_clip_algorithm)
        optimizer.step()
        task.after_step()
        whole.loss = whole.loss + step.loss.detach()
        whole.terms |= step.terms
        whole.heads |= step.heads
    return whole


def step_schedules(module: L.LightningModule, interval: str, done: int) -> None:
    """Step the schedules that Lightning leaves to us, after ``done`` batches or epochs.

    Args:
        module: that is trained.
        interval: ``step`` or ``epoch``.
        done: counted within the epoch, or over all epochs.
    """
    for config in module.trainer.lr_scheduler_configs:
        if config.interval == interval and done % config.frequency == 0:
            cast(Any, config.scheduler).step()


def require_one_batch_a_step(task: Task, options: dict[str, Any], closure: bool, optim: str) -> None:
    """Refuse what does not go with optimizers that take turns.

    Args:
        task: of the run.
        options: of the trainer.
        closure: the optimizer evaluates a batch several times a step.
        optim: its name, for the message.
    """
    if not task.optimizers:
        return
    turns = ", ".join(task.optimizers)
    if (batches := options.get("accumulate_grad_batches", 1)) != 1:
        rule = f"The optimizers of this task ({turns}) take turns at each batch."
        raise refuse(f"trainer.accumulate_grad_batches={batches}", rule, "trainer.accumulate_grad_batches=1")
    if closure:
        rule = f"It evaluates a batch several times a step; the optimizers of this task ({turns}) take turns."
        raise refuse(f"optim={optim}", rule, "optim=adam")


@contextmanager
def _trained(module: L.LightningModule, own: Sequence[str]) -> Iterator[None]:
    parameters = [
        parameter
        for name, parameter in module.named_parameters()
        if name.partition(".")[0] not in own and parameter.requires_grad
    ]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)
