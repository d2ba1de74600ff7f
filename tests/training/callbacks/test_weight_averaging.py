"""EMA and SWA by one word each; what they do to checkpoints is in test_averaged_weights.py."""

from __future__ import annotations

from pathlib import Path

import pytest

import lossbook
from lossbook.checkpoints.read import read
from lossbook.errors import UserError
from lossbook.training.callbacks.averaged_weights import TRAINED
from lossbook.training.callbacks.weight_averaging import EqualAverage, ExponentialAverage

SHORT = ("data.limit=96", "data.batch_size=24", "trainer=cpu", "trainer.max_epochs=2", "logger=none")
SHORT += ("optim=sgd", "scheduler=none")


@pytest.mark.parametrize("option", ["ema", "swa"])
def test_a_word_trains_and_its_checkpoint_gives_the_metrics_of_the_run(option: str, tmp_path: Path) -> None:
    options = ["callbacks.swa.start=0"] if option == "swa" else ["trainer.precision=bf16-mixed"]
    metrics = lossbook.train(lossbook.compose(*SHORT, f"callbacks={option}", *options), tmp_path)
    best = tmp_path / "checkpoints/best.ckpt"
    assert TRAINED in read(best)
    found = lossbook.evaluate(lossbook.compose(f"ckpt={best}"))  # a checkpoint may name it: no word for it is needed
    assert found == pytest.approx({tag: value for tag, value in metrics.items() if tag.startswith("test/")})


def test_it_spans_few_steps_early_on() -> None:
    average = ExponentialAverage(0.9)
    weights = []
    for average.updates in (1, 10, 100):
        weights.append(average.weight(None))  # type: ignore[arg-type]
    assert weights == pytest.approx([1 - 2 / 11, 1 - 11 / 20, 0.1])


@pytest.mark.parametrize("decay", [1.0, -0.1])
def test_a_decay_out_of_range_is_refused(decay: float) -> None:
    with pytest.raises(UserError, match="below 1"):
        ExponentialAverage(decay)


def test_a_start_out_of_range_is_refused() -> None:
    with pytest.raises(UserError, match="share of the run"):
        EqualAverage(1.0)


def test_a_share_of_a_run_without_an_end_is_refused(tmp_path: Path) -> None:
    options = [*SHORT, "callbacks=swa", "trainer.max_epochs=-1", "trainer.max_time='00:00:00:02'"]
    with pytest.raises(UserError, match="without an end"):
        lossbook.train(lossbook.compose(*options), tmp_path)


@pytest.mark.parametrize(
    ("loss", "metric", "without"), [("cosine_embedding", "pair_acc", 0.5), ("multilabel_margin", "f1", 0.0)]
)
def test_a_threshold_that_validation_chose_is_no_weight(loss: str, metric: str, without: float, tmp_path: Path) -> None:
    metrics = lossbook.train(lossbook.compose(*SHORT, f"loss={loss}", "callbacks=ema"), tmp_path)
    best = read(tmp_path / "checkpoints/best.ckpt")
    thresholds = [value for name, value in best["state_dict"].items() if name.endswith(".threshold")]
    assert [bool(value.isfinite()) for value in thresholds] == [True, True]  # of validation, and of the test
    assert metrics[f"val/{metric}"] > without + 0.05 < metrics[f"test/{metric}"]
    found = lossbook.evaluate(lossbook.compose(f"ckpt={tmp_path / 'checkpoints/best.ckpt'}"))
    assert found == pytest.approx({tag: value for tag, value in metrics.items() if tag.startswith("test/")})


def test_steps_that_end_before_an_epoch_does_leave_nothing_to_average(tmp_path: Path) -> None:
    """Epochs of 4 steps: the end of the first comes before 0.75 of 7 steps, none after."""
    options = [*SHORT, "callbacks=swa", "trainer.max_steps=7"]
    with pytest.raises(UserError, match=r"trainer.max_steps=8, the end of an epoch"):
        lossbook.train(lossbook.compose(*options), tmp_path / "a")
    lossbook.train(lossbook.compose(*options, "trainer.max_steps=8"), tmp_path / "b")
    assert TRAINED in read(tmp_path / "b/checkpoints/last.ckpt")
