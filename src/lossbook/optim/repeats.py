"""Make repeated evaluations of a batch one function of the weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Repeats:
    """Makes the evaluations of a batch in one optimizer step the same function, as a line search needs it.

    All evaluations draw the same random numbers from torch (dropout). Every evaluation updates running statistics:
    there are few steps, and statistics updated once a step would not have converged when the run ends (digits after 10
    steps of LBFGS: accuracy 0.80 instead of 0.99). But a trial step that overflows leaves them unchanged.
    """

    def __init__(self) -> None:
        self._draws: list[Tensor] = []

    @contextmanager
    def evaluation(self, module: nn.Module, first: bool) -> Iterator[None]:
        """Wrap one evaluation; ``first`` marks the first of a step."""
        device = next((parameter.device for parameter in module.parameters() if parameter.is_cuda), None)
        if first:
            self._draws = [torch.get_rng_state()] + ([] if device is None else [torch.cuda.get_rng_state(device)])
            yield
            return
        torch.set_rng_state(self._draws[0])
        if device is not None:
            torch.cuda.set_rng_state(self._draws[1], device)
        before = [(buffer, buffer.clone()) for buffer in module.buffers()]
        yield
        # compared with the previous values, because a mask may be infinite on purpose
        if not all(bool((buffer.isfinite() | ~value.isfinite()).all()) for buffer, value in before):
            for buffer, value in before:
                buffer.data.copy_(value)  # bypasses autograd, which has saved the buffer and would refuse the change
