"""How many processes read data that is not in memory."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from lossbook.data.source import Part, sample_count

AUTO = "auto"
_FEWEST = 1000  # samples for which starting a process, a second, pays
_MOST = 8


def worker_count(given: int | str, train: Part) -> int:
    """Return the number of reading processes.

    Args:
        given: by the user; ``auto``: none for data in memory and for small sets, otherwise one for each of torch's
            threads, which is this run's share of the processors.
        train: the training part.
    """
    if isinstance(given, int):
        return given
    if isinstance(train, Mapping) or sample_count(train) < _FEWEST:
        return 0
    return min(torch.get_num_threads(), _MOST)
