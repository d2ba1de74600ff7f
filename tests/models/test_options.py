"""The options of conf/model against the classes that they build."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
import torch

from lossbook.build import build, target
from lossbook.config.options import Options

FOLDER = Path(__file__).parents[2] / "conf" / "model"
OPTIONS = sorted(path.stem for path in FOLDER.glob("*.yaml"))
FROM_THE_DATA = {"input_shape", "output_size", "output", "vocabulary", "categories"}
SHAPES = {  # (input_shape, output_size) -> parameters as the head comment states them
    "mlp": {((30,), 2): "12,546", ((1, 28, 28), 10): "109,578"},
    "mlp_table": {((30,), 2): "12,354"},
    "cnn": {((1, 8, 8), 10): "73,706", ((1, 24, 24), 10): "73,706"},
    "cnn_grid": {((1, 8, 8), 10): "151,402", ((1, 24, 24), 10): "282,474"},
    "unet": {((1, 24, 24), 11): "57,019"},
    "crnn": {((1, 12, 96), 11): "218,667"},
    "bag": {(257, 10): "34,186"},
    "torchvision_segmentation": {((3, 32, 32), 21): "39,638,869"},
    "timm": {((3, 32, 32), 10): "11,181,642"},
    "unet_timm": {((3, 32, 32), 21): "14,328,421"},
    "torchvision": {((3, 32, 32), 10): "11,181,642"},
}
DEPARTURES = {
    "cnn_grid": {"channels": [32, 64], "grid": 4},
    "bag": {"sparse": None},
    "mlp": {"sparse": None},
    "mlp_table": {"sparse": None, "batch_norm": False, "dropout": 0.2, "clip": 4.0},
}  # from the class's own defaults


def options(name: str) -> dict:
    values, whole = Options([FOLDER.parent]).stated(f"model/{name}")
    assert whole
    return values


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_spells_out_every_argument_at_its_default(name: str) -> None:
    node = options(name)
    parameters = inspect.signature(target(node.pop("_target_"))).parameters
    assert node.pop("embedding_dim", "absent") is None
    assert (node.pop("weights", "absent"), node.pop("strict")) == (None, "backbone")
    assert set(node.pop("gives")) <= {"vector", "dense", "sequence"}
    assert node.pop("takes", ["numbers"]) in (["numbers"], ["tokens"], ["numbers", "categories"])
    assert set(node) == set(parameters) - FROM_THE_DATA
    defaults = {argument: parameters[argument].default for argument in node}
    assert node == {key: list(value) if isinstance(value, tuple) else value for key, value in defaults.items()} | (
        DEPARTURES.get(name, {})
    )


@pytest.mark.parametrize("name", OPTIONS)
def test_the_head_comment_states_the_number_of_parameters(name: str) -> None:
    text = (FOLDER / f"{name}.yaml").read_text()
    node = options(name)
    tokens = node.pop("takes", None) == ["tokens"]
    del node["embedding_dim"], node["gives"], node["weights"], node["strict"]
    node.pop("sparse", None)  # null stands for what the optimizer takes
    for (shape, width), stated in SHAPES[name].items():
        told = {"vocabulary": shape} if tokens else {"input_shape": shape}
        with torch.random.fork_rng():
            model = build({**node, **told}, output_size=width)
        assert f"{sum(p.numel() for p in model.parameters()):,}" == stated
        assert stated in text
