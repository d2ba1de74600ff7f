"""How long a network takes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from lossbook.export.check import Run

_RUNS, _SECONDS = 20, 1.0


def median_ms(run: Run | Any, inputs: Sequence[Tensor]) -> float:
    """Return the median time of a call in milliseconds, over at most 20 calls or about a second."""
    taken: list[float] = []
    with torch.no_grad():
        run(*inputs)
        run(*inputs)
        while len(taken) < _RUNS and (len(taken) < 3 or sum(taken) < _SECONDS):
            start = time.perf_counter()
            run(*inputs)
            taken.append(time.perf_counter() - start)
    return 1000 * statistics.median(taken)
