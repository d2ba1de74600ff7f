"""Resume a schedule where a run was interrupted, even if the config has another schedule now."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from torch.optim.lr_scheduler import CyclicLR, LRScheduler

from lossbook.optim.schedules.schedule import Schedule


def go_on(scheduler: Any, saved: Mapping[str, Any] | None, calls: int) -> None:
    """Advance a new schedule to its position in a resumed run, after the optimizer's state has been loaded.

    A ``Schedule`` loads the saved state. Torch's schedulers save their arguments (``T_max``, the peaks) with their
    counts and would restore both; they are stepped from the start instead, so that they follow the config. Any other
    object loads its state as it is.

    Args:
        scheduler: as Lightning holds it.
        saved: the state in the checkpoint, of whatever class; None where there was no schedule.
        calls: how often it would have been stepped by now.
    """
    if isinstance(scheduler, Schedule):
        if saved is not None:
            scheduler.load_state_dict(dict(saved))
        if scheduler.last_epoch != calls:  # there was no schedule, or one that was stepped less often
            scheduler.load_state_dict({"last_epoch": calls})
    elif isinstance(scheduler, LRScheduler):
        _replay(scheduler, calls)
    elif saved is not None:
        scheduler.load_state_dict(dict(saved))


def _replay(scheduler: LRScheduler, calls: int) -> None:
    groups = scheduler.optimizer.param_groups
    peaks = [group["initial_lr"] for group in groups]
    for group, first, old, peak in zip(groups, scheduler.get_last_lr(), scheduler.base_lrs, peaks, strict=True):
        # the peaks may come from the checkpoint (ckpt_lr)
        group["lr"] = first if peak == old or not old else first * (peak / old)
    if not isinstance(scheduler, CyclicLR):  # whose base_lrs are the lowest rates
        scheduler.base_lrs = peaks
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of steps without a step of the optimizer before them
        for _ in range(calls):
            scheduler.step()
