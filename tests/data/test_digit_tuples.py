from __future__ import annotations

import numpy as np

from lossbook.data import digit_tuples
from lossbook.data.digits import generator, handwriting


def test_pairs_are_what_their_target_says() -> None:
    source = handwriting(0)["train"]
    first, second, same = digit_tuples.pairs(source, 5000, generator(0, "train"))
    assert np.array_equal(source.labels[first] == source.labels[second], same == 1)
    assert (first != second).all()
    assert 0.47 < same.mean() < 0.53


def test_triplets_hold_another_of_the_same_and_one_of_another_digit() -> None:
    source = handwriting(0)["val"]
    anchor, positive, negative = digit_tuples.triplets(source, 5000, generator(0, "val"))
    assert (source.labels[anchor] == source.labels[positive]).all()
    assert (anchor != positive).all()
    assert (source.labels[anchor] != source.labels[negative]).all()
    assert (np.bincount(source.labels[negative], minlength=10) > 400).all()


def test_sources_give_tuples_of_inputs() -> None:
    pairs, triplets = digit_tuples.DigitPairs(0).load(), digit_tuples.DigitTriplets(0).load()
    assert [tuple(t.shape) for t in pairs.train["input"]] == [(4000, 1, 8, 8)] * 2
    assert [tuple(t.shape) for t in triplets.test["input"]] == [(800, 1, 8, 8)] * 3
    assert set(pairs.train["target"].tolist()) == {0, 1}
    assert "target" not in triplets.train
    assert (pairs.schema.target, triplets.schema.target) == ("pair", "triplet")
