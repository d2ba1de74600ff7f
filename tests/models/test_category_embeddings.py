from __future__ import annotations

import pytest
import torch
from torch import nn

from lossbook.errors import UserError
from lossbook.models.category_embeddings import CategoryEmbeddings, default_width, require_exact_indices


@pytest.mark.parametrize(("categories", "width"), [(1, 2), (3, 3), (10, 6), (100, 21), (1000, 64), (10**6, 64)])
def test_the_default_width_is_that_of_fastai_up_to_64(categories: int, width: int) -> None:
    assert default_width(categories) == width
    assert categories >= 1000 or width == min(600, round(1.6 * categories**0.56))


def test_numbers_come_first_then_the_embedding_of_each_column() -> None:
    made = CategoryEmbeddings(4, [(1, 3), (2, 2)], width=2)
    rows = torch.tensor([[0.5, 3.0, 0.0, -1.0], [7.0, 1.0, 2.0, 8.0]])
    first, second = made.tables
    assert isinstance(first, nn.Embedding)
    assert isinstance(second, nn.Embedding)
    expected = torch.stack(
        [
            torch.cat([torch.tensor([0.5, -1.0]), first.weight[3], second.weight[0]]),
            torch.cat([torch.tensor([7.0, 8.0]), first.weight[1], second.weight[2]]),
        ]
    )
    torch.testing.assert_close(made(rows), expected)
    assert made.width == 6


def test_categories_alone_will_do() -> None:
    assert CategoryEmbeddings(1, [(0, 5)])(torch.tensor([[0.0], [5.0]])).shape == (2, default_width(5))


def test_a_category_never_seen_starts_at_zero_and_the_others_with_the_variance_of_a_number() -> None:
    (table,) = CategoryEmbeddings(1, [(0, 5000)], width=16).tables
    assert isinstance(table, nn.Embedding)
    assert not table.weight[0].any()
    assert table.weight[1:].detach().square().sum(1).mean() == pytest.approx(1, rel=0.05)


def test_dropout_leaves_numbers_alone() -> None:
    made = CategoryEmbeddings(2, [(1, 3)], width=64, dropout=0.5)
    output = made(torch.tensor([[2.0, 3.0]]))
    assert output[0, 0] == 2
    assert 8 < (output[0, 1:] == 0).sum() < 56


def test_a_sparse_gradient_holds_the_rows_of_the_batch() -> None:
    made = CategoryEmbeddings(1, [(0, 100)], sparse=True)
    made(torch.tensor([[4.0], [7.0]])).sum().backward()
    (table,) = made.tables
    assert isinstance(table, nn.Embedding)
    gradient = table.weight.grad
    assert gradient is not None
    assert gradient.is_sparse
    assert gradient.coalesce().indices()[0].tolist() == [4, 7]


def test_nothing_but_weights_is_kept_in_its_state() -> None:
    assert set(CategoryEmbeddings(3, [(1, 3)]).state_dict()) == {"tables.0.weight"}


def test_a_precision_that_rounds_indices_is_refused() -> None:
    require_exact_indices([(0, 256)], "bf16-true")
    require_exact_indices([(0, 10**6)], "bf16-mixed")
    require_exact_indices([], "bf16-true")
    with pytest.raises(UserError, match=r"up to 256.*has 257(.|\n)*trainer\.precision=bf16-mixed"):
        require_exact_indices([(0, 3), (2, 257)], "bf16-true")
    assert torch.arange(257.0).bfloat16().float().equal(torch.arange(257.0))
    assert not torch.arange(258.0).bfloat16().float().equal(torch.arange(258.0))
