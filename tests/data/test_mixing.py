from __future__ import annotations

import pytest
import torch

from lossbook.data.mixing import PARTNER, SHARE, Mixing

IMAGES = torch.rand(400, 3, 12, 20)


def mixed(images: torch.Tensor = IMAGES, **alphas: float) -> dict[str, torch.Tensor]:
    return Mixing(**alphas)({"input": images, "target": torch.arange(len(images))})


def test_mixup_is_a_sum_by_shares_of_beta() -> None:
    batch = mixed(mixup=0.5)
    share = batch[SHARE][:, None, None, None]
    expected = share * IMAGES + (1 - share) * IMAGES[batch[PARTNER]]
    torch.testing.assert_close(batch["input"], expected)
    assert batch[SHARE].mean() == pytest.approx(0.5, abs=0.05)
    assert batch[SHARE].var() == pytest.approx(1 / 8, abs=0.02)  # of Beta(a, a): 1 / (4 (2a + 1))
    assert sorted(batch[PARTNER].tolist()) == list(range(400))
    assert torch.equal(batch["target"], torch.arange(400))
    table = torch.rand(50, 7)
    assert mixed(table, mixup=1.0)["input"].shape == (50, 7)


def test_cutmix_is_a_box_whose_area_is_the_others_share() -> None:
    batch = mixed(cutmix=1.0)
    own = (batch["input"] == IMAGES).all(1)
    other = (batch["input"] == IMAGES[batch[PARTNER]]).all(1)
    assert bool((own | other).all())
    itself = batch[PARTNER] == torch.arange(400)
    share = own.float().mean((1, 2))
    torch.testing.assert_close(share[~itself], batch[SHARE][~itself])
    assert batch[SHARE].mean() == pytest.approx(0.5, abs=0.05)
    for box in ~own[~itself]:
        rows, columns = box.any(1).nonzero().flatten(), box.any(0).nonzero().flatten()
        if len(rows):
            assert bool(box[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all())


def test_of_both_each_sample_draws_one() -> None:
    batch = mixed(mixup=1.0, cutmix=1.0)
    itself = batch[PARTNER] == torch.arange(400)
    pasted = ((batch["input"] == IMAGES) | (batch["input"] == IMAGES[batch[PARTNER]])).flatten(1).all(1)
    assert 0.4 < pasted[~itself].float().mean() < 0.6


def test_numbers_are_the_global_ones_and_nothing_is_mixed_without_an_alpha() -> None:
    torch.manual_seed(3)
    first = mixed(mixup=0.2, cutmix=1.0)
    torch.manual_seed(3)
    second = mixed(mixup=0.2, cutmix=1.0)
    assert torch.equal(first["input"], second["input"])
    assert not Mixing()
    assert Mixing(mixup=0.2)


def test_one_sample_is_mixed_with_itself() -> None:
    batch = mixed(IMAGES[:1], mixup=0.2)
    torch.testing.assert_close(batch["input"], IMAGES[:1])
