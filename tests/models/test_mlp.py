from __future__ import annotations

import pytest
import torch
from torch import nn

from lossbook.errors import UserError
from lossbook.models.layers import layers
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


def test_categories_are_embedded_in_place_of_the_first_layer() -> None:
    model = MLP((3,), 2, hidden=[4], categories=[(1, 5)], embedding_width=2)
    assert model(torch.tensor([[0.1, 5.0, 0.2], [0.3, 0.0, 0.4]])).shape == (2, 2)
    assert [name for name, _ in model.named_parameters()][:2] == ["layers.0.tables.0.weight", "layers.1.weight"]
    assert model.layers[1].in_features == 4


def test_embeddings_are_the_first_layer_for_rules_however_many_there_are() -> None:
    model = MLP((3,), 2, hidden=[4], categories=[(0, 5), (1, 5), (2, 3)])
    assert [len(layer) for layer in layers(model)] == [3, 3, 2]


def test_without_categories_it_is_the_same_network_as_ever() -> None:
    torch.manual_seed(3)
    model = MLP((3,), 2, categories=())
    torch.manual_seed(3)
    expected = nn.Sequential(
        *(nn.Flatten(), nn.Linear(3, 128, bias=False), nn.BatchNorm1d(128), nn.ReLU(), nn.Dropout(0.5)),
        *(nn.Linear(128, 64, bias=False), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 2)),
    )
    found, state = model.layers.state_dict(), expected.state_dict()
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], state[name]) for name in state)


@pytest.mark.parametrize("option", [{"embedding_width": 3}, {"embedding_dropout": 0.1}, {"sparse": True}])
def test_options_of_embeddings_are_refused_where_there_are_none(option: dict) -> None:
    with pytest.raises(UserError, match=f"model.{next(iter(option))}=(.|\n)*data.categories=embedding"):
        MLP((3,), 1, **option)
