"""A kind of target of a user's own, as one file of this package would define it: nothing else is changed."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor
from torchmetrics import MeanMetric

import lossbook
from lossbook.checkpoints.read import read
from lossbook.config.check import check
from lossbook.config.resolve import plain
from lossbook.data.schema import Schema
from lossbook.data.source import Parts, Source
from lossbook.data.statistics import described_parts
from lossbook.errors import UserError
from lossbook.losses.contract import ROLES
from lossbook.targets import KINDS
from lossbook.targets.encoding import Encoding, Measure
from lossbook.targets.kind import TargetKind, refuse_at
from lossbook.training.assemble import Assembly, assemble
from lossbook.trust import OWN_CONFIG


class SineAndCosine(Encoding):
    """An angle as a point on the circle, turned so that the training part's mean direction is at 0."""

    width = 2

    def encode(self, target: Tensor) -> Tensor:
        turned = torch.deg2rad(target - self.schema.mean[0])
        return torch.stack([turned.sin(), turned.cos()], dim=1)

    def decide(self, scores: Tensor) -> Tensor:
        return (torch.rad2deg(torch.atan2(scores[:, 0], scores[:, 1])) + self.schema.mean[0]) % 360

    def measures(self) -> dict[str, Measure]:
        return {"degrees": Measure(MeanMetric(), self._apart, train=True, higher_is_better=False)}

    def _apart(self, scores: Tensor, target: Tensor) -> tuple[Tensor]:
        return (((self.decide(scores) - target + 180) % 360 - 180).abs(),)


class AngleTarget(TargetKind):
    """A direction."""

    name = "angle"
    promise = "degrees, (N,) in [0, 360)"
    encodings: ClassVar = {"circle": SineAndCosine}
    roles: ClassVar = {"single": "target"}

    def check(self, batch: Any, schema: Schema, where: str, ignore_index: int | None = None) -> None:
        target = batch["target"]
        wrong = ~((target >= 0) & (target < 360))
        if wrong.any():
            raise refuse_at(wrong, target, where, "An angle lies in [0, 360).")

    def statistics(self, target: Tensor, schema: Schema) -> dict[str, Any]:
        around = torch.deg2rad(target.double())
        mean = math.degrees(math.atan2(float(around.sin().mean()), float(around.cos().mean()))) % 360
        return {"mean": (mean,)}

    def chance(self, metric: str, target: Tensor | None, schema: Schema) -> tuple[float, str] | None:
        return (90.0, "the value of any direction") if metric == "degrees" else None


class Arrows(Source):
    """Points; the target is the direction in which they lie."""

    def __init__(self, wrong: bool = False) -> None:
        self.wrong = wrong

    def load(self) -> Parts:
        parts = {"train": self._part(300, 0), "val": self._part(70, 1), "test": self._part(70, 2)}
        return described_parts(Schema("angle", (2,), 300), parts)

    def _part(self, size: int, seed: int) -> dict[str, Tensor]:
        points = torch.randn(size, 2, generator=torch.Generator().manual_seed(seed))
        degrees = torch.rad2deg(torch.atan2(points[:, 1], points[:, 0])) % 360
        return {"input": points, "target": degrees + 400 * self.wrong}


DATA = """
target: angle
views: 1
epochs: 2
batch_size: 32
limit: null
seed: 0
augment: null
source: {_target_: arrows_of_the_test.Arrows, wrong: false}
"""
LOSS = """
criterion: {_target_: torch.nn.MSELoss, reduction: mean}
accepts: {angle: circle}
mean_over: elements
"""
OPTIONS = (
    "data=arrows",
    "loss=circle",
    "model=mlp",
    "model.hidden=[16]",
    "trainer=cpu",
    "logger=none",
    "optim.lr=0.01",
)


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What ``lossbook.targets`` finds where the file lies beside the others, and the options of data and loss."""
    kind = AngleTarget()
    monkeypatch.setitem(KINDS, kind.name, kind)
    monkeypatch.setitem(ROLES["single"], kind.name, kind.roles["single"])  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "arrows_of_the_test", sys.modules[__name__])
    for name, text in {"data/arrows": DATA, "loss/circle": LOSS}.items():
        path = tmp_path / "conf" / f"{name}.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    return tmp_path / "conf"


def assembled(conf: Path, *overrides: str) -> Assembly:
    values = plain(lossbook.compose(*OPTIONS, *overrides, config_dir=conf))
    return assemble(values, check(values), OWN_CONFIG)


def test_it_is_trained_evaluated_and_predicted(conf: Path, tmp_path: Path) -> None:
    config = lossbook.compose(*OPTIONS, "trainer.max_epochs=12", config_dir=conf)
    figures = lossbook.train(config, tmp_path / "run")
    made = assembled(conf)
    assert made.module.primary == ("val/degrees", "min")
    state = read(tmp_path / "run" / "checkpoints" / "best.ckpt")["state_dict"]
    made.module.load_state_dict(state)
    made.module.eval()
    batches = list(made.data.test_dataloader())
    with torch.no_grad():
        outputs = torch.cat([made.module.model(batch["input"]) for batch in batches]).double().numpy()
        said = torch.cat([made.task.predict(batch)[""].decision for batch in batches]).numpy()
    target = torch.cat([batch["target"] for batch in batches]).double().numpy()

    train = made.data.targets("train")
    assert train is not None
    mean = np.angle(np.exp(1j * np.deg2rad(train.double().numpy())).mean(), deg=True) % 360
    turned = np.deg2rad(target - mean)
    wanted = np.stack([np.sin(turned), np.cos(turned)], 1)
    assert figures["test/loss"] == pytest.approx(((outputs - wanted) ** 2).mean(), rel=1e-4)
    decided = (np.degrees(np.arctan2(outputs[:, 0], outputs[:, 1])) + mean) % 360
    np.testing.assert_allclose(said, decided, atol=1e-2)
    apart = np.abs(np.angle(np.exp(1j * np.deg2rad(decided - target)), deg=True)).mean()
    assert figures["test/degrees"] == pytest.approx(apart, abs=1e-2)
    assert apart < 30  # any direction is 90 away
    ckpt = f"ckpt={tmp_path / 'run' / 'checkpoints' / 'best.ckpt'}"
    tested = {tag: value for tag, value in figures.items() if tag.startswith("test/")}
    assert lossbook.evaluate(lossbook.compose(ckpt, config_dir=conf)) == pytest.approx(tested)


def test_its_check_refuses_what_breaks_the_promise(conf: Path) -> None:
    with pytest.raises(UserError, match=r"An angle lies in \[0, 360\)"):
        assembled(conf, "data.source.wrong=true")


def test_losses_of_other_kinds_are_refused_and_its_own_named(conf: Path) -> None:
    with pytest.raises(UserError, match="kind 'angle'") as caught:
        assembled(conf, "loss=mse")
    assert "loss=mse" in str(caught.value)
    with pytest.raises(UserError, match="targets of the kind angle"):
        assembled(conf, "data=digits")


def test_it_is_a_term_beside_others(conf: Path) -> None:
    """Two criteria on it, each a whole loss of its own."""
    l1 = "{loss: circle, weight: 0.5, criterion: {_target_: torch.nn.L1Loss}}"
    made = assembled(conf, "loss=sum", f"loss.terms={{circle: 1, near: {l1}}}")
    made.module.eval()
    batch = next(iter(made.data.val_dataloader()))
    with torch.no_grad():
        step = made.task.step(batch)
        apart = made.module.model(batch["input"]) - made.task.objectives["near"].encoding.encode(batch["target"])
    assert float(step.loss) == pytest.approx(float((apart**2).mean() + 0.5 * apart.abs().mean()), rel=1e-5)
