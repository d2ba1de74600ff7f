from __future__ import annotations

import math

import torch

from lossbook.models.periodic_numbers import FREQUENCIES, PeriodicNumbers


def test_the_embedding_by_hand() -> None:
    made = PeriodicNumbers(2, width=3)
    made.requires_grad_(False)
    rows = torch.randn(5, 4)
    output = made(rows)
    assert output.shape == (5, 4 + made.added) == (5, 10)
    assert torch.equal(output[:, :4], rows)
    for column in range(2):
        angles = [2 * math.pi * float(rows[1, column] * frequency) for frequency in made.frequencies[column]]
        waves = torch.tensor([*map(math.sin, angles), *map(math.cos, angles)])
        expected = (waves @ made.weight[column] + made.bias[column]).clamp(min=0)
        torch.testing.assert_close(output[1, 4 + 3 * column : 7 + 3 * column], expected)


def test_each_column_has_frequencies_of_its_own() -> None:
    made = PeriodicNumbers(3)
    assert made.frequencies.shape == (3, FREQUENCIES)
    assert len(set(made.frequencies.flatten().tolist())) == 3 * FREQUENCIES


def test_columns_of_categories_alone_add_nothing() -> None:
    assert PeriodicNumbers(0)(torch.ones(2, 3)).shape == (2, 3)
