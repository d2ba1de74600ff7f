from __future__ import annotations

import pytest
import torch
from torch.utils.data import TensorDataset

from lossbook.data.source import Source, sample_count


def test_samples_are_counted_in_memory_in_tuples_and_in_datasets() -> None:
    assert sample_count({"input": torch.zeros(3, 2)}) == 3
    assert sample_count({"input": (torch.zeros(4, 2), torch.zeros(4, 2))}) == 4
    assert sample_count(TensorDataset(torch.zeros(5))) == 5


def test_a_source_must_say_how_it_loads() -> None:
    with pytest.raises(TypeError, match="load"):
        Source()
