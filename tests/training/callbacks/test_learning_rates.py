"""One curve where all groups share a learning rate, one for each otherwise."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from lossbook.optim.schedules.cycles import OneCycle
from lossbook.optim.schedules.length import Length
from lossbook.training.callbacks.learning_rates import LearningRates


def logged(
    groups: list[dict[str, Any]], steps: int, every: int, loggers: int = 1, cycled: bool = False
) -> list[tuple[int, dict[str, float]]]:
    points: list[tuple[int, dict[str, float]]] = []
    logger = SimpleNamespace(log_metrics=lambda metrics, step: points.append((step, metrics)))
    for group in groups:
        group["params"] = [torch.nn.Parameter(torch.zeros(1))]
    optimizer = torch.optim.SGD(groups, lr=0.5)
    schedules = [OneCycle(optimizer, Length(9, 9), 1.0, "linear", div_factor=5.0)] if cycled else []
    trainer: Any = SimpleNamespace(
        loggers=[logger] * loggers,
        optimizers=[optimizer],
        log_every_n_steps=every,
        lr_scheduler_configs=[SimpleNamespace(scheduler=schedule) for schedule in schedules],
    )
    callback, module = LearningRates(), torch.nn.Module()
    callback.on_train_start(trainer, module)  # type: ignore[arg-type]
    for step in range(steps):
        trainer.global_step = step
        callback.on_train_batch_start(trainer, module, None, step)  # type: ignore[arg-type]
        optimizer.param_groups[0]["lr"] /= 2
        for schedule in schedules:
            schedule.step()
    return points


def test_the_rate_of_each_logged_step() -> None:
    assert logged([{}], steps=5, every=2) == [(0, {"lr": 0.5}), (2, {"lr": 0.125}), (4, {"lr": 0.03125})]


def test_groups_that_differ_have_curves_of_their_own() -> None:
    groups = [{"name": "backbone", "lr": 0.25}, {"weight_decay": 0.1}]
    assert logged(groups, steps=1, every=1) == [(0, {"lr/backbone": 0.25, "lr/1": 0.5})]
    assert logged([{}, {"weight_decay": 0.1}], steps=1, every=1) == [(0, {"lr": 0.5})]


def test_the_momentum_where_a_schedule_moves_it() -> None:
    """Eight steps up from a fifth of the rate, and down from 0.95 to 0.85."""
    (first, middle, last) = logged([{}], steps=9, every=4, cycled=True)
    assert first == (0, pytest.approx({"lr": 0.1, "momentum": 0.95}))
    assert middle == (4, pytest.approx({"lr": 0.3, "momentum": 0.9}))
    assert last == (8, pytest.approx({"lr": 0.5, "momentum": 0.85}))


def test_nothing_happens_without_a_logger() -> None:
    assert logged([{}], steps=3, every=1, loggers=0) == []


def test_a_schedule_that_parts_equal_peaks_has_a_curve_for_each_group() -> None:
    points = logged([{"name": "a"}, {"name": "b"}], steps=2, every=1)  # the first is halved
    assert points == [(0, {"lr": 0.5}), (1, {"lr/a": 0.25, "lr/b": 0.5})]
