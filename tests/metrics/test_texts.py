from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import tensor

from lossbook.metrics.texts import TextErrors, exact_matches

ALPHABET = ("a", "b", " ")
texts = st.lists(st.integers(0, 2), max_size=6)
batches = st.lists(st.tuples(texts, texts.filter(lambda text: any(i < 2 for i in text))), min_size=1, max_size=5)


def edits(first, second):
    """Levenshtein's distance by its recursion, a row at a time."""
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        last, row[0] = row[0], i
        for j, b in enumerate(second, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (a != b))
    return row[-1]


def padded(rows):
    width = max([1, *map(len, rows)])
    return tensor([[*row, *[-1] * (width - len(row))] for row in rows])


@given(batches)
def test_error_rates(pairs):
    read, truth = zip(*pairs, strict=True)
    metric = TextErrors(ALPHABET)
    metric.update(padded(read[:1]), padded(truth[:1]))
    if len(pairs) > 1:
        metric.update(padded(read[1:]), padded(truth[1:]))
    found = {name: float(value) for name, value in metric.compute().items()}
    strings = [tuple("".join(ALPHABET[i] for i in text) for text in pair) for pair in pairs]
    symbols = sum(edits(a, b) for a, b in strings) / sum(len(b) for _, b in strings)
    words = sum(edits(a.split(), b.split()) for a, b in strings) / sum(len(b.split()) for _, b in strings)
    assert found == pytest.approx({"cer": symbols, "wer": words}, abs=1e-6)


@given(batches)
def test_exact_matches(pairs):
    read, truth = zip(*pairs, strict=True)
    assert exact_matches(padded(read), padded(truth)).tolist() == [float(a == b) for a, b in pairs]


def test_reset():
    metric = TextErrors(ALPHABET)
    metric.update(tensor([[0]]), tensor([[1]]))
    metric.reset()
    metric.update(tensor([[0]]), tensor([[0]]))
    assert {name: float(value) for name, value in metric.compute().items()} == {"cer": 0, "wer": 0}
    assert torch.equal(exact_matches(tensor([[1, -1]]), tensor([[1, -1, -1]])), tensor([1.0]))
