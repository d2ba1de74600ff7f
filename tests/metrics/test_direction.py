"""Which value of a metric is best is the metric's own word, or the user's; never a guess."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torchmetrics import MeanAbsolutePercentageError, MeanMetric, Metric
from torchmetrics.classification import MulticlassCalibrationError

import lossbook
from lossbook.config.check import check
from lossbook.config.resolve import plain
from lossbook.data.schema import Schema
from lossbook.errors import UserError
from lossbook.losses.objective import Objective
from lossbook.losses.reading import read
from lossbook.metrics.direction import mode_of
from lossbook.targets.classes import Index
from lossbook.targets.encoding import Measure
from lossbook.training.assemble import primary


class Both(Metric):
    """A user's metric whose compute gives a dict, and says of each name which way it goes."""

    gives = {"good": True, "bad": False}  # noqa: RUF012

    def update(self) -> None: ...

    def compute(self) -> dict[str, torch.Tensor]:
        return {}


class Own(Index):
    """A user's encoding with metrics of its own."""

    def measures(self) -> dict[str, Measure]:
        return {
            "ece": Measure(MulticlassCalibrationError(3), lambda *both: both),
            "mape": Measure(MeanAbsolutePercentageError(), lambda *both: both),
            "score": Measure(MeanMetric(), lambda scores, _: (scores,)),
            "both": Measure(Both(), lambda *_: ()),
        }


def objective() -> Objective:
    return Objective(
        Schema("class", (2,), 8, classes=3), Own(Schema("class", (2,), 8, classes=3)), torch.nn.NLLLoss(), print
    )  # type: ignore[arg-type]


def watching(chosen: Any) -> tuple[str, str]:
    node = {"criterion": {"_target_": "torch.nn.NLLLoss"}, "accepts": {"class": "index"}, "primary": {"class": chosen}}
    return primary(read("own", node), objective().schema, objective().directions())


@pytest.mark.parametrize(
    ("chosen", "mode"),
    [
        ("ece", "min"),  # torchmetrics says so itself
        ("mape", "min"),
        ("good", "max"),
        ("bad", "min"),
        ("loss", "min"),
        ({"name": "score", "mode": "min"}, "min"),
        ({"name": "score", "mode": "max"}, "max"),
        ({"name": "ece"}, "min"),
        ({"name": "ece", "mode": "max"}, "max"),  # the user's word
    ],
)
def test_the_metric_says_or_the_user(chosen: Any, mode: str) -> None:
    assert watching(chosen)[1] == mode


def test_a_metric_of_which_nobody_says_is_refused_with_what_to_type() -> None:
    with pytest.raises(UserError, match=r"Fix: 'loss.primary.class=\{name: score, mode: min\}'"):
        watching("score")


@pytest.mark.parametrize("chosen", [{"name": "acc", "mode": "down"}, {"mode": "min"}, {"name": "acc", "way": 1}, 3, []])
def test_what_is_no_choice_is_refused(chosen: Any) -> None:
    with pytest.raises(UserError, match=r"loss.primary.class=.*\n.*\{name: ..., mode: min\}"):
        watching(chosen)


def test_the_fix_can_be_typed() -> None:
    """Though the default is a name, and a mapping is of another type."""
    config = plain(lossbook.compose("loss.primary.class={name: f1, mode: min}"))
    assert check(config).watched("class") == ("f1", "min")
    assert check(plain(lossbook.compose("loss.primary.class=f1"))).watched("class") == ("f1", None)


def test_other_metrics_that_are_watched() -> None:
    directions: dict[str, str | None] = {"acc": "max", "loss": "min", "own": None}
    assert mode_of("val/loss", directions, "scheduler") == "min"
    assert mode_of("train/acc", directions, "scheduler") == "max"
    with pytest.raises(UserError, match=r"Fix: scheduler.mode=min or scheduler.mode=max"):
        mode_of("val/own", directions, "scheduler")
    with pytest.raises(UserError, match=r"Fix: scheduler.monitor=val/loss, or scheduler.mode"):
        mode_of("val/los", directions, "scheduler")


def test_what_our_own_metrics_say(objective: Callable[..., Objective]) -> None:
    assert objective("value", "loss=mse").directions() == {"r2": "max", "mae": "min", "rmse": "min", "loss": "min"}
    assert objective("text", "loss=ctc").directions() == {"acc": "max", "cer": "min", "wer": "min", "loss": "min"}
