from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lossbook.data.digit_tokens import DigitTokens, as_tokens, token
from lossbook.data.digits import Digits

IMAGES = arrays(np.uint8, (3, 8, 8), elements=st.integers(0, 16))


def test_an_encoding_by_hand() -> None:
    image = np.zeros((1, 8, 8), np.uint8)
    image[0, 0, 1] = 1  # the faintest ink has level 1
    image[0, 2, 0] = 9  # levels 1, 2 and 3
    image[0, 7, 7] = 16  # all four
    expected = [5, 65, 66, 67, 253, 254, 255, 256]
    assert as_tokens(image).tolist() == [expected + [0] * (256 - len(expected))]


@given(IMAGES)
def test_each_token_maps_back_to_its_pixel_and_level(images: np.ndarray) -> None:
    for image, tokens in zip(images, as_tokens(images), strict=True):
        present = tokens[tokens > 0]
        assert not tokens[len(present) :].any()  # padding stands at the end
        assert len(set(present.tolist())) == len(present)
        place, level = (present - 1) // 4, (present - 1) % 4 + 1
        assert np.array_equal(token(place, level), present)
        found = np.zeros(64, int)
        np.maximum.at(found, place, level)
        assert np.array_equal(found, np.ceil(image.flatten() / 4).astype(int))
        assert np.array_equal(np.bincount(place, minlength=64), found)  # every level up to the pixel's own, each once


def test_the_split_is_that_of_the_digits() -> None:
    tokens, digits = DigitTokens(seed=3).load(), Digits(seed=3).load()
    for name in ("train", "val", "test"):
        assert torch.equal(getattr(tokens, name)["target"], getattr(digits, name)["target"])
        levels = (getattr(digits, name)["input"].flatten(1) * 4).ceil().sum(1)
        assert torch.equal((getattr(tokens, name)["input"] > 0).sum(1), levels.long())


def test_the_schema_promises_tokens() -> None:
    parts = DigitTokens().load()
    assert parts.train["input"].dtype == torch.int64
    assert parts.schema.input_shape == tuple(parts.train["input"].shape[1:])
    assert parts.schema.vocabulary == 257
    assert int(parts.train["input"].max()) < 257
    assert (parts.schema.samples, parts.schema.classes) == (1258, 10)
