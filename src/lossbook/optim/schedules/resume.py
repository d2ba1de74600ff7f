"""A schedule goes on where its run was broken off, though it may be another one by now."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from torch.optim.lr_scheduler import CyclicLR, LRScheduler

from lossbook.optim.schedules.schedule import Schedule


def go_on(scheduler: Any, saved: Mapping[str, Any] | None, calls: int) -> None:
    """Bring a schedule that was just made to its place in a resumed run; the optimizer's state is loaded already.

    One of ours takes over its state. Torch's keep what they were told (``T_max``, the peaks) beside what they count,
    and would take all of it from the checkpoint; they are stepped anew instead, from the start, and so follow the
    config. What is neither loads its state as it is.

    Args:
        scheduler: as Lightning has it.
        saved: its state in the checkpoint, of whatever class; None where there was no schedule.
        calls: how often it would have been stepped by now.
    """
    if isinstance(scheduler, Schedule):
        if saved is not None:
            scheduler.load_state_dict(dict(saved))
        if scheduler.last_epoch != calls:  # none so far, or one that was stepped less often
            scheduler.load_state_dict({"last_epoch": calls})
    elif isinstance(scheduler, LRScheduler):
        _replay(scheduler, calls)
    elif saved is not None:
        scheduler.load_state_dict(dict(saved))


def _replay(scheduler: LRScheduler, calls: int) -> None:
    groups = scheduler.optimizer.param_groups
    peaks = [group["initial_lr"] for group in groups]
    for group, first, old, peak in zip(groups, scheduler.get_last_lr(), scheduler.base_lrs, peaks, strict=True):
        # the peaks may be the checkpoint's (ckpt_lr)
        group["lr"] = first if peak == old or not old else first * (peak / old)
    if not isinstance(scheduler, CyclicLR):  # there these are the lowest rates
        scheduler.base_lrs = peaks
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that no step of the optimizer came before
        for _ in range(calls):
            scheduler.step()
