from __future__ import annotations

import pytest
import torch

from lossbook.errors import UserError
from lossbook.models.bag import Bag


def test_the_output_by_hand_and_padding_counts_for_nothing() -> None:
    model = Bag(5, 3, dim=4).eval()
    table, linear = model.table.weight, model.rest[-1]
    hidden = (table[1] + table[4] + table[4]).clamp(min=0)
    expected = hidden @ linear.weight.T + linear.bias
    for tokens in ([1, 4, 4, 0, 0], [4, 0, 1, 4, 0]):
        torch.testing.assert_close(model(torch.tensor([tokens]))[0], expected)
    torch.testing.assert_close(model(torch.zeros(1, 5, dtype=torch.int64))[0], linear.bias)


def test_a_sparse_gradient_holds_the_rows_of_the_batch_and_equals_the_dense_one() -> None:
    torch.manual_seed(0)
    sparse, dense = Bag(7, 2, dim=3, dropout=0.0, sparse=True), Bag(7, 2, dim=3, dropout=0.0)
    dense.load_state_dict(sparse.state_dict())
    for model in (sparse, dense):
        model(torch.tensor([[1, 5, 0], [5, 6, 6]])).square().sum().backward()
    found = sparse.table.weight.grad
    assert found is not None
    assert found.is_sparse
    assert set(found.coalesce().indices()[0].tolist()) <= {0, 1, 5, 6}
    torch.testing.assert_close(found.to_dense(), dense.table.weight.grad)
    assert not found.to_dense()[0].any()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"vocabulary": None}, "data=digit_tokens"),
        ({"output": "dense"}, "model=unet"),
        ({"dim": 0}, "model.dim=0"),
        ({"dropout": 1.0}, "model.dropout=1.0"),
    ],
)
def test_what_it_cannot_do_is_refused(options: dict, said: str) -> None:
    with pytest.raises(UserError) as error:
        Bag(**{"vocabulary": 5, "output_size": 2, **options})
    assert said in str(error.value)
