from __future__ import annotations

import numpy as np
import torch

from lossbook.data.digit_mixtures import DigitMixtures, compose
from lossbook.data.digits import Handwriting, generator


def test_a_blend_holds_as_much_of_a_digit_as_its_target_says() -> None:
    """Images whose level is their digit: the blend's level is the expectation of the digit."""
    source = Handwriting(np.stack([np.full((8, 8), digit, np.uint8) for digit in range(10)]), np.arange(10))
    images, target = compose(source, 300, generator(0, "train"))
    np.testing.assert_allclose(images[:, 0, 3, 3] * 16, target @ np.arange(10), atol=1e-5)


def test_targets_are_distributions() -> None:
    parts = DigitMixtures(0).load()
    target = parts.train["target"]
    assert torch.equal(target.sum(1), torch.ones(4000))
    assert bool(((target > 0).sum(1) <= 2).all())
    assert (parts.schema.target, parts.schema.classes) == ("distribution", 10)
