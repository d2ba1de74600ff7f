from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import tensor

from lossbook.data.schema import Schema
from lossbook.errors import UserError
from lossbook.targets.texts import Symbols

SCHEMA = Schema("text", (1, 8, 40), 10, classes=3, alphabet=("a", "b", "c"))
blanks = st.integers(0, 3)


def greedy(path: list[int], blank: int) -> list[int]:
    """Repeats merged, blanks dropped, symbols numbered without the blank."""
    read, last = [], None
    for step in path:
        if step != last and step != blank:
            read.append(step - (step > blank))
        last = step
    return read


@given(blanks, st.lists(st.lists(st.integers(0, 3), min_size=7, max_size=7), min_size=1, max_size=5))
def test_decide_is_the_greedy_reading(blank, paths):
    scores = torch.nn.functional.one_hot(tensor(paths), 4).float()
    decided = Symbols(SCHEMA, blank).decide(scores)
    assert decided.shape == (len(paths), 7)
    for row, path in zip(decided.tolist(), paths, strict=True):
        read = greedy(path, blank)
        assert row == read + [-1] * (7 - len(read))


@given(blanks, st.lists(st.integers(0, 2), max_size=6))
def test_a_path_through_the_encoded_symbols_reads_as_the_text(blank, text):
    encoding = Symbols(SCHEMA, blank)
    target = tensor([[*text, -1]])
    encoded = encoding.encode(target)[0, :-1]
    assert blank not in encoded
    # a blank between any two symbols, so that equal neighbours are not merged
    path = torch.full((2 * len(text) + 1,), blank)
    path[1::2] = encoded
    decided = encoding.decide(torch.nn.functional.one_hot(path, 4).float()[None])[0]
    assert decided[decided >= 0].tolist() == text


def test_one_output_more_than_symbols():
    assert Symbols(SCHEMA).width == 4


@pytest.mark.parametrize("blank", [-1, 4])
def test_the_blank_is_one_of_the_outputs(blank):
    with pytest.raises(UserError, match=r"0\.\.3"):
        Symbols(SCHEMA, blank)


def test_metrics():
    encoding = Symbols(SCHEMA)
    path = tensor([[1, 1, 0, 2], [3, 0, 0, 0]])  # "ab", "c"
    scores, target = torch.nn.functional.one_hot(path, 4).float(), tensor([[0, 1], [1, -1]])  # "ab", "b"
    found = {}
    for name, measure in encoding.measures().items():
        measure.metric.update(*measure.view(scores, target))
        result = measure.metric.compute()
        found |= {k: float(v) for k, v in (result if isinstance(result, dict) else {name: result}).items()}
    assert found == pytest.approx({"acc": 0.5, "cer": 1 / 3, "wer": 0.5})


def test_the_alphabet_may_be_missing():
    assert Symbols(Schema("text", (1,), 1, classes=2)).measures()["errors"].metric.alphabet == ("0", "1")
