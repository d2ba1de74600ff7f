from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from optuna import Study
from optuna.trial import TrialState, create_trial

import lossbook
from lossbook.errors import Pruned
from lossbook.search import storage
from lossbook.search.pruning import PRUNERS, Pruning


def study_of(folder: Path, metric: float, mode: str = "max", epochs: int = 4) -> Study:
    """A study with five completed trials that had this metric from the first epoch on, and one that runs."""
    study = storage.create(folder, mode, 10)
    curve = dict.fromkeys(range(epochs), metric)
    for _ in range(5):
        study.add_trial(create_trial(value=metric, intermediate_values=curve))
    study.add_trial(create_trial(state=TrialState.RUNNING))
    return study


def callback(folder: Path, pruner: str = "median") -> Pruning:
    return Pruning(address=storage.url(folder), trial=5, pruner=pruner, epochs=4)


class Training:
    """Lightning's part of a run, with these metrics at the ends of its epochs."""

    def __init__(self, mode: str = "max") -> None:
        self.trainer: Any = SimpleNamespace(current_epoch=0)
        self.module: Any = SimpleNamespace(primary=("val/acc", mode))

    def run(self, pruning: Pruning, *metrics: float | None) -> None:
        for metric in metrics:
            pruning.on_train_epoch_start(self.trainer, self.module)
            if metric is not None:
                pruning.on_validation_end(self.trainer, self.module)
                self.trainer.callback_metrics = {"val/acc": metric}
            pruning.on_train_epoch_end(self.trainer, self.module)
            self.trainer.current_epoch += 1


def curve(folder: Path) -> dict[int, float]:
    found: dict[int, float] = storage.load(folder).trials[5].intermediate_values
    return found


def test_a_hopeless_trial_is_given_up_before_its_next_epoch(tmp_path: Path) -> None:
    study_of(tmp_path, 0.9)
    with pytest.raises(Pruned, match=r"val/acc 0.6 after epoch 3: other trials were better by then."):
        Training().run(callback(tmp_path), 0.5, 0.6, 0.6, 0.7)
    assert curve(tmp_path) == {0: 0.5, 1: 0.6, 2: 0.6}


def test_a_good_one_is_not_and_its_best_metric_so_far_counts(tmp_path: Path) -> None:
    study_of(tmp_path, 0.9)
    Training().run(callback(tmp_path), 0.95, 0.2, 0.99)
    assert curve(tmp_path) == {0: 0.95, 1: 0.95, 2: 0.99}


def test_smaller_may_be_better(tmp_path: Path) -> None:
    study_of(tmp_path, 0.2, mode="min")
    with pytest.raises(Pruned):
        Training("min").run(callback(tmp_path), 0.4, 0.3, 0.5, 0.1)
    assert curve(tmp_path) == {0: 0.4, 1: 0.3, 2: 0.3}


def test_the_last_epoch_is_never_given_up(tmp_path: Path) -> None:
    study_of(tmp_path, 0.9, epochs=3)
    Training().run(callback(tmp_path), 0.5, 0.6, 0.7)


def test_epochs_without_validation_or_metric_are_passed_over(tmp_path: Path) -> None:
    study_of(tmp_path, 0.9)
    Training().run(callback(tmp_path), None, float("nan"), 0.95)
    assert curve(tmp_path) == {2: 0.95}


def test_a_run_that_goes_on_has_its_best_from_before(tmp_path: Path) -> None:
    study_of(tmp_path, 0.9)
    Training().run(callback(tmp_path), 0.95, 0.96)
    again = Training()
    again.trainer.current_epoch = 1  # its last checkpoint was an epoch behind
    again.run(callback(tmp_path), 0.5, 0.97)
    assert curve(tmp_path) == {0: 0.95, 1: 0.95, 2: 0.97}


def test_a_run_that_begins_afresh_is_not_judged_by_what_it_came_to_before(tmp_path: Path) -> None:
    study_of(tmp_path, 0.9)
    Training().run(callback(tmp_path, "none"), 0.95, 0.95, 0.1, 0.1)  # its best so far: 0.95
    with pytest.raises(Pruned, match=r"val/acc 0.3 after epoch 3"):
        Training().run(callback(tmp_path), 0.1, 0.2, 0.3, 0.4)
    assert curve(tmp_path) == {0: 0.1, 1: 0.2, 2: 0.3, 3: 0.95}


@pytest.mark.parametrize("pruner", PRUNERS)
def test_every_pruner_judges(tmp_path: Path, pruner: str) -> None:
    study_of(tmp_path, 0.9)
    judge = callback(tmp_path, pruner)
    try:
        Training().run(judge, 0.1, 0.1, 0.1, 0.1)
    except Pruned:
        assert pruner == "median"  # of a single trial hyperband says nothing
    else:
        assert pruner != "median"


def test_a_run_that_is_given_up_says_so_in_its_record(tmp_path: Path) -> None:
    study_of(tmp_path, 2.0)
    config = lossbook.compose("data.limit=64", "trainer.max_epochs=4", "logger=none", "trainer=cpu")
    with pytest.raises(Pruned):
        lossbook.train(config, tmp_path / "5", callbacks=[callback(tmp_path)])
    text = (tmp_path / "5" / "metrics.json").read_text()
    assert '"status": "pruned"' in text
    assert '"epochs": 3' in text
