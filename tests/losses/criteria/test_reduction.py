from __future__ import annotations

import pytest
from torch import tensor

from lossbook.losses.criteria.reduction import reduce


def test_reductions():
    losses = tensor([[1.0, 2.0], [3.0, 6.0]])
    assert reduce(losses, "none") is losses
    assert reduce(losses, "mean") == 3
    assert reduce(losses, "sum") == 12


def test_no_other_word_means_a_sum():
    with pytest.raises(AssertionError, match="batchmean"):
        reduce(tensor([1.0]), "batchmean")
