from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import lossbook
from lossbook.checkpoints.read import read
from lossbook.errors import UserError
from lossbook.training.callbacks.pictures import Pictures


def train(folder: Path, *overrides: str) -> dict[str, float]:
    small = ("data.limit=40", "data.batch_size=20", "trainer=cpu", "trainer.max_epochs=2")
    return lossbook.train(lossbook.compose(*small, *overrides), folder)


@pytest.mark.parametrize(
    "loss",
    [
        "loss=cross_entropy",
        "loss=bce_logits",
        "loss=mse",
        "loss=dice",
        "loss=poisson_nll",
        "loss=ctc",
        "experiment=two_heads",
    ],
)
def test_there_is_a_picture_for_each_validation_and_head(tmp_path: Path, loss: str) -> None:
    train(tmp_path, loss, "callbacks=pictures", "callbacks.pictures.samples=4")
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    heads = ["labels_", "count_"] if loss == "experiment=two_heads" else [""]
    assert events.Tags()["images"] == [f"val/{head}predictions" for head in heads]
    for tag in events.Tags()["images"]:
        assert [picture.step for picture in events.Images(tag)] == [2, 4]
        assert min(events.Images(tag)[0].width, events.Images(tag)[0].height) > 100


def test_a_loss_that_decides_nothing_has_none(tmp_path: Path) -> None:
    train(tmp_path, "loss=triplet_margin", "callbacks=pictures")
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert events.Tags()["images"] == []


def test_training_is_the_same_with_and_without(tmp_path: Path) -> None:
    seen = train(tmp_path / "with", "loss=cross_entropy", "callbacks=pictures", "callbacks.pictures.every=2")
    assert seen == train(tmp_path / "without", "loss=cross_entropy")
    one, other = (read(tmp_path / name / "checkpoints" / "last.ckpt")["state_dict"] for name in ("with", "without"))
    assert all(torch.equal(one[name], other[name]) for name in one)
    events = EventAccumulator(str(tmp_path / "with"))
    events.Reload()
    assert [picture.step for picture in events.Images("val/predictions")] == [2]


@pytest.mark.parametrize("name", ["samples", "every"])
def test_numbers_below_one_are_refused(name: str) -> None:
    with pytest.raises(UserError, match=rf"callbacks\.pictures\.{name}=0"):
        Pictures(**{name: 0})
