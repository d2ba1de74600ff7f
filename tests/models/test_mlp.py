from __future__ import annotations

import pytest
import torch
from torch import nn

from lossbook.errors import UserError
from lossbook.models.mlp import MLP


def test_records_become_vectors() -> None:
    assert MLP((30,), 2)(torch.randn(5, 30)).shape == (5, 2)


def test_images_are_flattened() -> None:
    assert MLP((1, 8, 8), 10)(torch.randn(5, 1, 8, 8)).shape == (5, 10)


def test_the_default_on_mnist_has_so_many_parameters() -> None:
    # by hand: weights, then scale and shift of batch norm, then the output layer with its bias
    expected = 784 * 128 + 2 * 128 + 128 * 64 + 2 * 64 + 64 * 10 + 10
    assert sum(p.numel() for p in MLP((1, 28, 28), 10).parameters()) == expected


def test_no_hidden_layer_is_a_linear_model() -> None:
    model = MLP((3,), 1, hidden=[])
    weight, bias = model.parameters()
    rows = torch.randn(4, 3)
    torch.testing.assert_close(model(rows), rows @ weight.T + bias)


def test_batch_norm_and_dropout_are_there_when_asked_for() -> None:
    kinds = [type(layer) for layer in MLP((3,), 1, hidden=[4], dropout=0.5).layers]
    assert kinds == [nn.Flatten, nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Dropout, nn.Linear]
    kinds = [type(layer) for layer in MLP((3,), 1, hidden=[4], batch_norm=False, dropout=0).layers]
    assert kinds == [nn.Flatten, nn.Linear, nn.ReLU, nn.Linear]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"output": "dense"}, "model=unet"),
        ({"output": "sequence"}, "model=crnn"),
        ({"hidden": [4, 0]}, "model.hidden=[4, 0]"),
        ({"dropout": 1.0}, "model.dropout=1.0"),
        ({"dropout": -0.1}, "model.dropout=-0.1"),
    ],
)
def test_what_it_cannot_do_is_refused(options: dict, said: str) -> None:
    with pytest.raises(UserError) as error:
        MLP((3,), 1, **options)
    assert said in str(error.value)
