"""What a sample holds, as a number."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import TensorDataset

from lossbook.data.digests import content, fingerprint, input_digests, overlaps, sample_digests
from lossbook.data.digits import Digits
from lossbook.data.schema import Schema
from lossbook.data.source import Parts

_BY_HAND = """
def mix(word):
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    word = (word ^ word >> 27) * 0x94D049BB133111EB % 2**64
    return word ^ word >> 31

def digest(row):
    padded = row + bytes(-len(row) % 8)
    words = [int.from_bytes(padded[i:i + 8], "little") for i in range(0, len(padded), 8)]
    golden = 0x9E3779B97F4A7C15
    mixed = [mix((word + (place + 1) * golden) % 2**64) for place, word in enumerate(words)]
    return mix((sum(mixed) + len(row)) % 2**64)
"""


def by_hand(row: bytes) -> int:
    """The same in Python's whole numbers."""
    names: dict[str, object] = {}
    exec(_BY_HAND, names)
    return names["digest"](row)  # type: ignore[operator, no-any-return]


@pytest.mark.parametrize("shape", [(5, 1), (3, 8), (4, 13), (2, 3, 5)])
def test_rows_are_mixed_as_by_hand(shape: tuple[int, ...]) -> None:
    rows = torch.arange(int(np.prod(shape)), dtype=torch.uint8).reshape(shape)
    expected = [by_hand(bytes(row.flatten().tolist())) for row in rows]
    assert input_digests({"input": rows}).tolist() == expected


@given(st.data())
def test_a_row_has_the_digest_of_its_content_wherever_it_stands(data: st.DataObject) -> None:
    rows = torch.tensor(data.draw(st.lists(st.lists(st.integers(0, 255), min_size=3, max_size=3), min_size=1)))
    rows = rows.to(data.draw(st.sampled_from([torch.uint8, torch.float32, torch.int64])))
    order = torch.tensor(data.draw(st.permutations(range(len(rows)))))
    digests = input_digests({"input": rows})
    assert (input_digests({"input": rows[order]}) == digests[order.numpy()]).all()
    assert len(set(digests.tolist())) == len(torch.unique(rows, dim=0))


def test_flipping_the_same_bit_twice_in_a_row_shows() -> None:
    rows = torch.zeros(3, 16, dtype=torch.uint8)
    rows[1, 7] = rows[1, 15] = 128  # the highest bits of both words: a sum of odd multiples would not see them
    rows[2, 0] = rows[2, 8] = 128
    assert len(set(input_digests({"input": rows}).tolist())) == 3


def test_many_rows_are_the_same_in_blocks() -> None:
    rows = torch.randint(0, 256, (3000, 300), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    whole = input_digests({"input": rows})
    assert (whole[2900:] == input_digests({"input": rows[2900:]})).all()


def test_pairs_count_both_inputs_in_their_order() -> None:
    first, second = torch.zeros(2, 4), torch.ones(2, 4)
    one, other = (input_digests({"input": pair})[0] for pair in ((first, second), (second, first)))
    assert one != other


def test_a_dataset_says_what_it_holds_or_is_not_known() -> None:
    dataset = TensorDataset(torch.zeros(3))
    assert input_digests(dataset) is None
    dataset.digests = [1, 2, 2**64 - 1]  # type: ignore[attr-defined]
    assert input_digests(dataset).tolist() == [1, 2, 2**64 - 1]


def test_a_fingerprint_is_that_of_the_content_in_any_order() -> None:
    parts = Digits().load()
    mark = fingerprint(parts, content(parts))
    turned = {key: column.flip(0) for key, column in parts.train.items()}  # type: ignore[union-attr]
    other = Parts(parts.schema, turned, parts.val, parts.test)
    assert fingerprint(other, content(other)) == mark
    assert len(mark or "") == 16


@pytest.mark.parametrize("changed", ["input", "target", "parts", "names"])
def test_a_fingerprint_moves_with_inputs_targets_parts_and_names(changed: str) -> None:
    parts = Digits().load()
    train, val, schema = dict(parts.train), dict(parts.val), parts.schema  # type: ignore[call-overload]
    if changed in ("input", "target"):
        train[changed] = train[changed].clone()
        train[changed][17] += 1
    elif changed == "parts":
        train, val = val, train
    else:
        schema = Schema("class", (1, 8, 8), 0, classes=10, class_names=tuple("abcdefghij"))
    other = Parts(schema, train, val, parts.test)
    assert fingerprint(other, content(other)) != fingerprint(parts, content(parts))


def test_targets_of_a_dataset_count_too() -> None:
    inputs = np.array([5, 6], np.uint64)
    dataset = TensorDataset(torch.zeros(2))
    dataset.targets = torch.tensor([0, 1])  # type: ignore[attr-defined]
    before = sample_digests(dataset, inputs)
    dataset.targets = torch.tensor([1, 1])  # type: ignore[attr-defined]
    after = sample_digests(dataset, inputs)
    assert before[0] != after[0]
    assert before[1] == after[1]
    assert inputs.tolist() == [5, 6]


def test_without_content_there_is_no_fingerprint() -> None:
    dataset = TensorDataset(torch.zeros(2))
    parts = Parts(Schema("none", (1,), 2), dataset, dataset, dataset)
    assert fingerprint(parts, content(parts)) is None
    assert overlaps(content(parts)) == []


def test_what_parts_share_is_counted() -> None:
    rows = torch.arange(12.0).reshape(12, 1)
    parts = Parts(
        Schema("value", (1,), 6, width=1), {"input": rows[:6]}, {"input": rows[4:8]}, {"input": rows[[0, 0, 7, 11]]}
    )
    assert overlaps(content(parts)) == [
        "2 of 4 val samples have an input that is also in the train part",
        "2 of 4 test samples have an input that is also in the train part",
        "1 of 4 test samples have an input that is also in the val part",
    ]


def test_every_process_finds_the_same_fingerprint() -> None:
    code = (
        "from lossbook.data.digits import Digits; from lossbook.data.digests import content, fingerprint;"
        "parts = Digits().load(); print(fingerprint(parts, content(parts)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )
    parts = Digits().load()
    assert found.stdout.strip() == fingerprint(parts, content(parts))
