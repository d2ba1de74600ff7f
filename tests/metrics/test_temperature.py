"""The temperature of calibrated probabilities against scipy's search, and what a checkpoint keeps of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

import lossbook
from lossbook.checkpoints.read import read
from lossbook.metrics.temperature import Temperature, best_temperature, tempered


def drawn(scale: float, samples: int = 3000, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are ``scale`` times those from which the classes were drawn."""
    random = np.random.default_rng(0)
    logits = random.normal(size=(samples, classes)) * 2
    noise = random.gumbel(size=logits.shape)
    return logits * scale, (logits + noise).argmax(1)


@pytest.mark.parametrize("scale", [0.3, 1.0, 5.0])
def test_it_is_the_one_that_scipy_finds(scale: float) -> None:
    logits, classes = drawn(scale)

    def loss(inverse: float) -> float:
        return float(-log_softmax(logits * inverse, axis=1)[np.arange(len(classes)), classes].mean())

    expected = 1 / minimize_scalar(loss, bounds=(0.05, 20), method="bounded", options={"xatol": 1e-9}).x
    logs = torch.from_numpy(log_softmax(logits, axis=1))
    found = float(best_temperature(logs, torch.from_numpy(classes)))
    assert found == pytest.approx(expected, rel=3e-3)  # but for the smoothing
    assert found == pytest.approx(scale, rel=0.1)


def test_tempered_probabilities_are_those_of_divided_logits() -> None:
    logits = torch.randn(50, 5, generator=torch.Generator().manual_seed(0)) * 4
    torch.testing.assert_close(tempered(logits.softmax(1), torch.tensor(2.5)), (logits / 2.5).softmax(1))
    assert torch.equal(tempered(logits.softmax(1), None), logits.softmax(1))


def test_extremes_stay_within_the_range() -> None:
    logs = torch.tensor([[0.9, 0.1], [0.2, 0.8]]).log()
    assert float(best_temperature(logs, torch.tensor([1, 0]))) == pytest.approx(20, rel=1e-3)
    certain = torch.tensor([[0.99, 0.01]] * 100).log()
    found = float(best_temperature(certain, torch.zeros(100, dtype=torch.int64)))
    doubt = 1 / 102 / 2  # the share of the other class in the smoothed target, which the best temperature reaches
    assert float(tempered(certain.exp(), torch.tensor(found))[0, 1]) == pytest.approx(doubt, rel=1e-2)
    assert float(best_temperature(logs[:0], torch.zeros(0, dtype=torch.int64))) == 1
    assert float(best_temperature(torch.zeros(3, 2), torch.tensor([0, 1, 1]))) > 0


def test_ignored_targets_do_not_count() -> None:
    logits, classes = drawn(3.0)
    logs, target = torch.from_numpy(log_softmax(logits, axis=1)), torch.from_numpy(classes)
    metric = Temperature()
    metric.update(torch.cat([logs, logs[:500]]), torch.cat([target, torch.full((500,), -100)]))
    assert metric.compute() == {}
    assert float(metric.threshold) == pytest.approx(float(best_temperature(logs, target)), rel=1e-6)


def test_a_test_takes_it_as_it_is() -> None:
    metric = Temperature()
    metric.choose = False
    metric.threshold = torch.tensor(1.7)
    metric.update(torch.zeros(4, 2), torch.zeros(4, dtype=torch.int64))
    assert not metric.scores
    metric.compute()
    assert float(metric.threshold) == pytest.approx(1.7)


def test_a_checkpoint_keeps_it_and_one_without_loads(tmp_path: Path) -> None:
    short = ("data.limit=100", "model=mlp", "trainer=cpu", "logger=none", "trainer.max_epochs=2")
    lossbook.train(lossbook.compose(*short), tmp_path / "run")
    path = tmp_path / "run" / "checkpoints" / "last.ckpt"
    state = read(path)["state_dict"]
    chosen = state["test_meter.metrics.temperature.threshold"]
    assert torch.isfinite(chosen)
    assert chosen == state["val_meter.metrics.temperature.threshold"]
    empty = Temperature()
    empty.load_state_dict({})
    assert empty.threshold.isinf()
