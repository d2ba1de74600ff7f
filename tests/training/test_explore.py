from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import lossbook
from lossbook.errors import UserError
from lossbook.training.explore import explore


def test_a_picture_is_named_after_what_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert explore(lossbook.compose("loss=l1"), None, {"out": None}) == Path("outputs/explore/l1.png")
    assert explore(lossbook.compose("loss=l1"), None, {"out": "here/a.png"}) == Path("here/a.png")
    assert {path.name for path in tmp_path.rglob("*.png")} == {"l1.png", "a.png"}


def test_a_learning_rate_of_the_users_is_among_those_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr("lossbook.plots.optimizer.draw", lambda *arguments: seen.append(arguments))
    explore(lossbook.compose("optim=sgd", "optim.lr=0.1", "optim.momentum=0"), tmp_path, {"out": None})
    ((name, node, rates, path, given),) = seen
    assert (name, node["momentum"], path) == ("sgd", 0, tmp_path / "sgd.png")
    assert rates == [0.01, 0.1, 0.3, 1.0]
    assert given == ["lr=0.1", "momentum=0"]


@pytest.mark.parametrize(
    ("overrides", "name", "masked"),
    [
        (["augment=strong"], "strong", False),
        (["augment=trivial", "data=scene_masks", "data.limit=8"], "trivial", True),
        (["data.mixup=0.4", "data.cutmix=1.0"], "augment", False),
        (["data.augment=[{_target_: lossbook.data.augment.HorizontalFlip}]", "seed=2"], "augment", False),
        (["augment=light", "data=digit_views"], "light", False),
        (["augment=light", "data=digit_pairs"], "light", False),
        (["augment=light", "data=scene_counts", "data.limit=3"], "light", False),
    ],
)
def test_an_augmentation_is_drawn_on_the_first_samples_of_any_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overrides: list[str], name: str, masked: bool
) -> None:
    seen: list[Any] = []
    monkeypatch.setattr("lossbook.plots.augmentation.draw", lambda *arguments: seen.append(arguments))
    assert explore(lossbook.compose(*overrides), tmp_path, {"out": None}) == tmp_path / f"{name}.png"
    ((title, modules, columns, _),) = seen
    assert title == " ".join(overrides)
    assert modules
    assert list(columns) == ["original", *(f"draw {number}" for number in range(1, 8))]
    (images, mask), (drawn, moved) = columns["original"], columns["draw 1"]
    assert len(images) == (3 if "data.limit=3" in overrides else 5)
    assert images.shape == drawn.shape
    assert not torch.equal(images, drawn)
    assert (mask is not None) == (moved is not None) == masked
    assert images.min() >= 0
    assert images.max() <= 1


@pytest.mark.parametrize(
    ("overrides", "out", "said"),
    [
        (["augment=light", "loss=mse"], None, "an augmentation with data"),
        (["augment=light", "model=cnn"], None, "model=cnn"),
        (["data=digits"], None, "data=digits"),
        (["augment=none"], None, "training samples stay as they are"),
        (["augment=light", "data=diabetes"], None, r"these inputs have shape (10,)"),
        (["data.mixup=0.2", "data=diabetes"], None, "Images of one or three channels are drawn"),
        (["data.mixup=-1"], None, "data.mixup=-1"),
        ([], None, "Give one optimizer or one loss"),
        (["loss=l1", "optim=sgd"], None, "Give one optimizer or one loss"),
        (["optim=sgd", "trainer.max_epochs=3"], None, "trainer.max_epochs=3"),
        (["loss=ctc"], None, "alignments"),
        (["loss=info_nce"], None, "similarities"),
        (["loss=l1"], "a.pdf", "out=a.png"),
        (["loss=poisson_nll", "loss.criterion.log_input=false"], None, "softplus"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overrides: list[str], out: str | None, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as error:
        explore(lossbook.compose(*overrides), None, {"out": out})
    assert said in str(error.value)
    assert list(tmp_path.iterdir()) == []
