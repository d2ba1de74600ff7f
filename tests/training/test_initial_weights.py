"""Runs that start with the weights of a file, and what becomes of them in checkpoints."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import lossbook
from lossbook.config.check import check
from lossbook.config.resolve import plain
from lossbook.errors import UserError
from lossbook.training.assemble import Assembly, assemble
from lossbook.training.evaluate import evaluate
from lossbook.trust import OWN_CONFIG

SHORT = ("trainer.max_epochs=1", "trainer.accelerator=cpu", "logger=none", "data.limit=64")
SMALL = ("model=timm", "model.name=test_resnet")


def trained(folder: Path, *overrides: str) -> dict[str, float]:
    return lossbook.train(lossbook.compose(*SHORT, *overrides), folder)


def assembled(*overrides: str) -> Assembly:
    values = plain(lossbook.compose("data.limit=32", *overrides))
    return assemble(values, check(values), OWN_CONFIG)


def test_a_run_starts_with_the_weights_of_another_and_its_checkpoint_needs_neither(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = tmp_path / "first, of two", tmp_path / "second"
    trained(first, *SMALL)
    made = assembled(*SMALL, f"model.weights='{first}'", "seed=5")
    kept = torch.load(first / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
    state = made.module.model.state_dict()
    assert all(torch.equal(kept[f"model.{name}"], value) for name, value in state.items())
    metrics = trained(second, *SMALL, f"model.weights='{first}'", "data.limit=96", "optim.lr=1e-9")
    printed = " ".join(capsys.readouterr().out.split())
    assert f"{len(state)} of {len(state)} tensors are the file's" in printed
    (first / "checkpoints" / "best.ckpt").unlink()
    (first / "checkpoints" / "last.ckpt").unlink()
    again = evaluate(lossbook.compose(f"ckpt={second / 'checkpoints' / 'best.ckpt'}"))
    assert again["test/acc"] == metrics["test/acc"]
    resumed = lossbook.compose(f"ckpt={second / 'checkpoints' / 'last.ckpt'}", "trainer.max_epochs=2")
    assert "test/acc" in lossbook.train(resumed, tmp_path / "third")


def test_every_model_takes_a_file(tmp_path: Path) -> None:
    source = assembled("model=cnn").module.model
    torch.save(source.state_dict(), tmp_path / "w.pt")
    made = assembled("model=cnn", f"model.weights={tmp_path / 'w.pt'}", "seed=3")
    assert torch.equal(made.module.model.head[3].weight, source.head[3].weight)
    assert made.notes == (f"model.weights={tmp_path / 'w.pt'}: 22 of 22 tensors are the file's",)
    with pytest.raises(UserError, match="no such file"):
        assembled("model=mlp", "model.weights=nowhere.pt")


def test_a_users_class_that_takes_weights_itself_is_given_them() -> None:
    with pytest.raises(UserError, match="NONE_SUCH"):
        assembled("model._target_=torchvision.models.squeezenet1_1", "model.weights=NONE_SUCH", "+model.num_classes=10")


@pytest.mark.parametrize(("network", "layers"), [(SMALL, 6), (("model=torchvision", "model.arch=squeezenet1_1"), 10)])
def test_gradual_unfreezing_starts_with_the_head(network: tuple[str, ...], layers: int) -> None:
    images = ("data=scene_labels", "loss=bce_logits", "param_groups=gradual")
    made = assembled(*network, *images)
    start = [name for group in made.groups if "frozen_until" not in group for name, _ in group["params"]]
    head = {"test_resnet": "model.network.fc", "squeezenet1_1": "model.network.classifier.1"}[
        network[1].partition("=")[2]
    ]
    assert set(start) == {f"{head}.weight", f"{head}.bias"}
    assert len({str(group.get("frozen_until")) for group in made.groups}) >= layers
    assert made.notes[-1].startswith("layers are frozen at first, and their weights are random: model.weights=FILE")


def test_the_backbone_of_a_unet_is_its_encoder() -> None:
    made = assembled("model=unet_timm", "model.encoder=test_resnet", "data=scene_masks", "param_groups=backbone_head")
    slow = {name for group in made.groups if group["lr"] < 0.001 for name, _ in group["params"]}
    assert slow
    assert all(name.startswith("model.encoder.") for name in slow)
    rest = {name for group in made.groups if group["lr"] > 0.001 for name, _ in group["params"]}
    assert not any(name.startswith("model.encoder.") for name in rest)
