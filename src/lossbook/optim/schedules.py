"""Learning-rate schedules that torch has no single class for."""

from __future__ import annotations

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


class CosineWithWarmup(LambdaLR):
    """A linear rise, then half a cosine down (Loshchilov and Hutter 2017), a step at a time.

    Args:
        optimizer: whose learning rates are the peak.
        total_steps: length of the run in optimizer steps.
        warmup: share of the steps that the rise takes, in [0, 1).
        final: share of the peak that is left at the end, in [0, 1].
    """

    def __init__(self, optimizer: Optimizer, total_steps: int, warmup: float = 0.05, final: float = 0.0) -> None:
        rise = round(warmup * total_steps)

        def share(step: int) -> float:
            if step < rise:
                return (step + 1) / (rise + 1)
            progress = min(1.0, (step - rise) / max(1, total_steps - rise))
            return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * progress))

        super().__init__(optimizer, share)
