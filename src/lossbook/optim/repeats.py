"""Several evaluations of one batch as one function of the weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Repeats:
    """Makes the evaluations of a batch within one optimizer step the same function, as a search along a line needs it.

    All of them draw the same random numbers from torch (dropout). Running statistics follow every evaluation: a search
    takes few steps, and statistics that saw one evaluation a step would still be on their way when the run ends (digits
    after 10 steps of LBFGS: accuracy 0.80 in place of 0.99). But a trial step that overflows leaves nothing in them.
    """

    def __init__(self) -> None:
        self._draws: list[Tensor] = []

    @contextmanager
    def evaluation(self, module: nn.Module, first: bool) -> Iterator[None]:
        """Around one evaluation; ``first`` says that another batch, or another step, begins."""
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
        # against what was there: a mask may be infinite on purpose
        if not all(bool((buffer.isfinite() | ~value.isfinite()).all()) for buffer, value in before):
            for buffer, value in before:
                buffer.data.copy_(value)  # past autograd, which has seen the buffer and would take it for altered
