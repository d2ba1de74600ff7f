from __future__ import annotations

from torch import nn

from lossbook.models.layers import layers
from lossbook.optim.named_parameters import named_parameters


class Whole(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model
        self.objective = nn.Module()
        self.objective.temperature = nn.Parameter(nn.init.ones_(nn.Parameter(nn.Linear(1, 1).bias.detach())))


def test_layers_of_a_sequence_are_counted_from_the_output():
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))
    assert layers(net) == [["0.weight", "0.bias", "1.weight", "1.bias"], ["3.weight", "3.bias"]]
    found = {one.name: one.layer for one in named_parameters(Whole(net))}
    assert found["model.0.weight"] == found["model.1.bias"] == 1
    assert found["model.3.weight"] == 0
    assert found["objective.temperature"] is None


def test_tied_weights_are_one_place_with_all_their_names():
    net = nn.ModuleDict({"table": nn.Embedding(5, 3), "out": nn.Linear(3, 5, bias=False)})
    net["out"].weight = net["table"].weight
    (one,) = named_parameters(net)
    assert one.names == ("table.weight", "out.weight")
    assert {"Embedding", "Linear"} <= one.types


def test_types_are_those_of_all_modules_around():
    net = nn.Sequential(nn.TransformerEncoderLayer(4, 2))
    found = {one.name: one.types for one in named_parameters(net)}
    assert {"LayerNorm", "TransformerEncoderLayer"} <= found["0.norm1.weight"]
    assert "LayerNorm" not in found["0.linear1.weight"]


def test_tied_weights_are_of_their_layer_nearest_to_the_output():
    net = nn.ModuleDict({"table": nn.Embedding(5, 3), "body": nn.Linear(3, 3), "out": nn.Linear(3, 5)})
    net["out"].weight = net["table"].weight
    found = {one.name: one.layer for one in named_parameters(Whole(net))}
    assert found["model.table.weight"] == found["model.out.bias"] == 0
    assert found["model.body.weight"] == 1
