from __future__ import annotations

import pytest
import torch

from lossbook.data.augment.draws import replaced


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.int64])
@pytest.mark.parametrize("shape", [(3, 4, 8), (1, 3, 5), (8,)])
@pytest.mark.parametrize("places", [[], [2], [4, 0, 3]])
def test_some_samples_are_replaced_and_the_others_stay(
    dtype: torch.dtype, shape: tuple[int, ...], places: list[int]
) -> None:
    images = torch.randint(0, 256, (5, *shape), dtype=torch.int64).to(dtype)
    before = images.clone()
    changed = torch.randint(0, 256, (len(places), *shape), dtype=torch.int64).to(dtype)
    expected = images.clone()
    for place, one in zip(places, changed, strict=True):
        expected[place] = one
    for given in (images, images.transpose(0, -1).contiguous().transpose(0, -1)):  # of any layout
        found = replaced(given, torch.tensor(places, dtype=torch.int64), changed)
        assert torch.equal(found, expected)
        assert found.dtype == dtype
    assert torch.equal(images, before)
