from __future__ import annotations

from typing import Any

import pytest
import torch

import lossbook
from lossbook.config.check import check
from lossbook.config.resolve import plain
from lossbook.errors import UserError
from lossbook.optim.range_test import RangeTest, RangeTestCurve
from lossbook.training.assemble import assemble
from lossbook.training.callbacks.growing_rates import GrowingRates
from lossbook.training.find_lr import measure
from lossbook.trust import OWN_CONFIG

TINY = ("data.limit=48", "data.batch_size=24", "model.channels=[4]", "model.hidden=8", "scheduler=none", "trainer=cpu")


def measured(
    monkeypatch: pytest.MonkeyPatch, over: RangeTest, *overrides: str
) -> tuple[RangeTestCurve, list[list[float]], Any]:
    """The curve, the learning rates of the groups at each step, and the module."""
    rates: list[list[float]] = []
    start = GrowingRates.on_train_batch_start

    def noted(self: GrowingRates, trainer: Any, *rest: Any) -> None:
        start(self, trainer, *rest)
        rates.append([group["lr"] for group in trainer.optimizers[0].param_groups])

    monkeypatch.setattr(GrowingRates, "on_train_batch_start", noted)
    values = plain(lossbook.compose(*TINY, *overrides))
    assembly = assemble(values, check(values), OWN_CONFIG)
    return measure(values, assembly, over), rates, assembly.module


def test_groups_keep_their_ratio_while_the_rate_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = "param_groups.rules=[{match: model.head.*, lr: 0.03}]"
    over = RangeTest(1e-6, 1e-2, 20)
    curve, rates, _ = measured(monkeypatch, over, "optim.lr=0.01", rule)
    assert list(curve.rates) == [over.rate(step) for step in range(20)]
    assert not curve.diverged
    for step, groups in enumerate(rates):
        assert sorted({round(lr / over.rate(step), 6) for lr in groups}) == [1.0, 3.0]


def test_the_loss_of_a_step_is_that_of_the_weights_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    over = RangeTest(1e-9, 1e-8, 20)  # nothing is learnt: every batch has the loss of the first weights
    curve, _, _ = measured(monkeypatch, over, "optim=sgd", "data.batch_size=all")
    assert torch.tensor(curve.losses).numpy() == pytest.approx(curve.start, rel=1e-3)
    assert len(curve.losses) == 20


def test_several_batches_make_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    over = RangeTest(1e-6, 1e-2, 20)
    curve, rates, _ = measured(monkeypatch, over, "trainer.accumulate_grad_batches=2")
    assert len(curve.losses) == 20
    assert len(rates) >= 40


@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
def test_it_ends_where_the_loss_diverges(monkeypatch: pytest.MonkeyPatch, loss: str) -> None:
    curve, _, _ = measured(monkeypatch, RangeTest(1e-3, 1e6, 60), "optim=sgd", f"loss={loss}", "data=digits")
    assert curve.diverged
    assert len(curve.losses) < 60


def test_a_loss_that_diverges_at_once_is_no_curve(monkeypatch: pytest.MonkeyPatch) -> None:
    """Squares of 1e30 are out of float32's range."""
    with pytest.raises(UserError, match=r"find\.min=1e\+30\n  The loss diverged after 0 of 20 steps") as caught:
        measured(monkeypatch, RangeTest(1e30, 1e31, 20), "optim=sgd", "loss=mse", "data=digits")
    assert "find.min=1e+27" in str(caught.value)


def test_a_run_without_a_step_is_no_curve() -> None:
    growing = GrowingRates(RangeTest(1e-6, 1e-2, 20), 0.1)
    with pytest.raises(UserError, match="No step could be made"):
        growing.curve()
    growing._batches = [[(1.0, 24.0)]] * 4
    assert growing.curve() == RangeTestCurve(1.0, [growing.range.rate(step) for step in range(3)], [1.0] * 3, False)


def test_the_batches_of_a_step_count_by_what_their_means_divide_by() -> None:
    growing = GrowingRates(RangeTest(1e-6, 1e-2, 20), 0.1)
    growing._batches = [[(1.0, 3.0), (5.0, 1.0)], [(2.0, 4.0)], [(0.0, 0.0), (6.0, 2.0)], [(0.0, 0.0)]]
    assert (growing.curve().start, *growing.curve().losses) == (2.0, 2.0, 6.0, 0.0)
