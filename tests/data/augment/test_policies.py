from __future__ import annotations

import torch

from lossbook.data.augment import RandAugment, TrivialAugment


def test_magnitude_0_leaves_images_alone_but_for_what_has_no_strength() -> None:
    images = torch.rand(400, 3, 8, 8) * 0.9 + 0.05
    changed = RandAugment(1, 0)(images)
    same = torch.isclose(changed, images, atol=1e-5).flatten(1).all(1).float().mean()
    assert 0.7 < same < 0.95  # posterize at 8 bits rounds, autocontrast and equalize have no strength


def test_labels_go_through_all_operations() -> None:
    labels = torch.randint(1, 4, (300, 1, 16, 16)).float()
    for module in (RandAugment(3, 20), TrivialAugment()):
        change = module.change(labels / 4)
        moved = change.labels(labels)
        assert set(moved.unique().tolist()) <= {0, 1, 2, 3}
        assert bool((moved == 0).any())
        assert 0.2 < (moved == labels).flatten(1).all(1).float().mean() + 0.2 < 1.0
