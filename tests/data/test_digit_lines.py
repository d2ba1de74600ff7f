from __future__ import annotations

import numpy as np

from lossbook.data import digit_lines
from lossbook.data.digits import Handwriting, generator, handwriting


def test_a_line_reads_from_left_to_right() -> None:
    """Digits whose every pixel is their own number stand in the order of the text, 8 columns each."""
    source = Handwriting(np.stack([np.full((8, 8), 4 + digit, np.uint8) for digit in range(10)]), np.arange(10))
    lines = digit_lines.compose(source, 50, Silent(0))
    for levels, width, text, length in zip(lines.levels, lines.widths, lines.text, lines.lengths, strict=True):
        assert levels[:, width:].sum() == 0
        columns = levels.max(0)
        runs = np.repeat(text[:length] + 4, 8)
        assert np.array_equal(columns[columns > 0], runs)
        assert (text[length:] == -1).all()


class Silent:
    """A generator whose noise is zero: the draw with a dtype."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def integers(self, *args: object, dtype: type | None = None) -> np.ndarray:
        return np.zeros(args[-1], dtype) if dtype else self.random.integers(*args)


def test_promises_of_the_set() -> None:
    parts = digit_lines.DigitLines(0).load()
    assert parts.schema.alphabet == tuple("0123456789")
    for part in (parts.train, parts.val, parts.test):
        assert set(part["target_lengths"].tolist()) == set(range(1, 9))
        assert bool((part["input_lengths"] >= 8 * part["target_lengths"]).all())
        assert int(part["input_lengths"].max()) <= digit_lines.WIDTH == part["input"].shape[-1]
        assert float(part["input"].min()) == 0
        assert float(part["input"].max()) == 1
        assert bool(((part["target"] >= 0).sum(1) == part["target_lengths"]).all())


def test_noise_covers_the_line_and_nothing_beyond() -> None:
    lines = digit_lines.compose(handwriting(0)["val"], 200, generator(0, "val"))
    inside = np.arange(digit_lines.WIDTH) < lines.widths[:, None, None]
    first_row = lines.levels[:, :1][np.broadcast_to(inside, lines.levels[:, :1].shape)]
    assert 0.6 < (first_row > 0).mean() < 0.95  # three in four noise levels are above 0
    assert lines.levels.max() == 16
    assert (lines.levels * ~inside).sum() == 0


def test_the_same_seed_gives_the_same_lines_on_every_machine() -> None:
    lines = digit_lines.compose(handwriting(0)["train"], 100, generator(0, "train"))
    assert int(lines.levels.astype(np.int64).sum()) == 221509
