"""Every option in conf/data builds, gives what it promises, and says what it is."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

import lossbook
from lossbook.data.module import DataModule
from lossbook.targets import KINDS

FOLDER = Path(__file__).parents[2] / "conf" / "data"
OPTIONS = sorted(path.stem for path in FOLDER.glob("*.yaml") if path.stem != "csv")  # another name of table
OFFLINE = [name for name in OPTIONS if ": ???" not in (FOLDER / f"{name}.yaml").read_text()]


def build(node: Any) -> Any:
    module, _, name = node.pop("_target_").rpartition(".")
    return getattr(import_module(module), name)(**node)


def read(name: str, **given: object) -> dict[str, Any]:
    config = OmegaConf.create({"data": OmegaConf.load(FOLDER / f"{name}.yaml")})
    config.data.update(given)
    if name == "huggingface":
        config.data.name = "x"
    if name == "dataset":
        config.data.dataset = {"_target_": "my.Photos"}
    return OmegaConf.to_container(config, resolve=True)["data"]


def test_the_promised_options_are_there() -> None:
    offline = "digits digit_views breast_cancer diabetes scene_labels scene_counts scene_masks digit_lines"
    explicit = "digit_pairs digit_triplets digit_mixtures digit_tokens scene_targets"
    assert sorted(f"{offline} {explicit}".split()) == OFFLINE
    small = "mnist fashion_mnist kmnist emnist qmnist usps cifar10 cifar100 svhn stl10"
    own = "image_folder image_table mask_folder table dataset huggingface pairs triplets"
    assert {*small.split(), *own.split()} <= set(OPTIONS) - set(OFFLINE)


@pytest.mark.parametrize("name", OPTIONS)
def test_the_default_model_suits_the_data(name: str) -> None:
    config = read(name, root="x", target_columns=["y"], image_column="x")
    (override,) = (entry for entry in config["defaults"] if entry != "_self_")
    models = {"mask": "unet", "text": "crnn", "tokens": "bag"}
    table = name in ("breast_cancer", "diabetes", "dataset", "huggingface")
    target, inputs = config["target"], config.get("inputs", "numbers")
    if isinstance(target, dict):
        assert {KINDS[kind].output for kind in target.values()} == {"vector"}
        target = next(iter(target.values()))
    images = "cnn_grid" if name == "digit_views" else "cnn"
    default = (
        models.get(target) or models.get(inputs) or ("mlp" if table else "mlp_table" if name == "table" else images)
    )
    assert override == {"override /model@_global_.model": default}
    assert target in KINDS


def test_csv_is_another_name_of_table() -> None:
    given = ("data.root=x", "data.target_columns=[y]")
    new, old = (lossbook.compose(f"data={name}", *given) for name in ("table", "csv"))
    assert (new.data, new.model) == (old.data, old.model)


@pytest.mark.parametrize("name", OFFLINE)
def test_offline_data_keeps_its_promises(name: str) -> None:
    config = read(name)
    augment = [build(node) for node in config["augment"] or ()]
    parts = build(config["source"]).load()
    data = DataModule(parts, config["batch_size"], views=config["views"], limit=config["limit"], augment=augment)
    stated = config["target"] if isinstance(config["target"], dict) else {"": config["target"]}
    assert {name: head.target for name, head in data.schema.heads.items()} == stated
    assert data.schema.views == config["views"]
    assert (data.schema.vocabulary is not None) == (config.get("inputs", "numbers") == "tokens")
    batch = data.preparing.training(next(iter(data.train_dataloader())))
    first = batch["input"][0] if isinstance(batch["input"], tuple) else batch["input"]
    assert tuple(first.shape[1:]) == data.schema.input_shape
    assert len(first) == config["batch_size"]


@pytest.mark.parametrize("name", sorted(set(OPTIONS) - {*OFFLINE, "dataset", "huggingface"}))
def test_other_options_name_arguments_that_exist(name: str) -> None:
    config = read(name, root="x", target_columns=["y"], image_column="x")
    source = build(config["source"])
    assert source.root == "x"
    assert source.seed == config["seed"] == 0
