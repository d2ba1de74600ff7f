from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from optuna import Study

from lossbook.errors import UserError, refuse
from lossbook.search import claims, storage
from lossbook.search.claims import Claim, claim, settle, trials_now
from lossbook.search.plan import SearchPlan
from lossbook.search.trials import Trial, of_study
from lossbook.sweeps.job_state import JobState

Planned = Callable[..., SearchPlan]


@pytest.fixture
def plan(planned: Planned) -> SearchPlan:
    return planned("optim.lr=interval(1e-4,1e-1)", "data.batch_size=32,64")


def begin(folder: Path, trials: int) -> Study:
    return storage.create(folder, "max", trials)


def taken(study: Study, plan: SearchPlan, folder: Path) -> Claim:
    found = claim(study, plan, folder, None)
    assert found is not None
    return found


def end(study: Study, folder: Path, claimed: Claim, status: str = "completed", **record: Any) -> Trial | None:
    place = folder / str(claimed.number)
    place.mkdir(exist_ok=True)
    values = {"status": status, "metrics": {"val/acc": 0.5, "val/loss": 1.5}, "epochs": 3, "wall_time_s": 2.0, **record}
    (place / "metrics.json").write_text(json.dumps(values))
    return settle(study, folder, claimed, JobState(status, values.get("message", "")), "val/acc")


def test_a_trial_is_taken_once_and_settled_with_its_metrics(tmp_path: Path, plan: SearchPlan) -> None:
    study = begin(tmp_path, 2)
    first, second = taken(study, plan, tmp_path), taken(study, plan, tmp_path)
    assert (first.number, second.number, first.again) == (0, 1, False)
    assert first.values != second.values
    assert claim(study, plan, tmp_path, None) is None  # as many as were asked for
    end(study, tmp_path, first)
    trial, other = of_study(study)
    assert (trial.status, trial.result, trial.loss, trial.epochs, trial.seconds) == ("completed", 0.5, 1.5, 3, 2.0)
    assert other.status == "running"
    assert claim(study, plan, tmp_path, None) is None  # that one is still taken


def test_a_run_that_took_the_other_end_of_its_metric_for_best_does_not_count(tmp_path: Path, plan: SearchPlan) -> None:
    study = begin(tmp_path, 2)
    trial = end(study, tmp_path, taken(study, plan, tmp_path), mode="min")
    assert trial is not None
    assert (trial.status, trial.message) == (
        "failed",
        "The run watched the min of val/acc, the search looks for the max.",
    )
    assert end(study, tmp_path, taken(study, plan, tmp_path), mode="max").status == "completed"  # type: ignore[union-attr]


def test_a_trial_whose_process_is_gone_is_taken_over_as_it_was(tmp_path: Path, plan: SearchPlan) -> None:
    study = begin(tmp_path, 2)
    left = taken(study, plan, tmp_path)
    left.held.release()  # as the operating system does
    again = taken(storage.load(tmp_path), plan, tmp_path)
    assert (again.number, again.values, again.again) == (left.number, left.values, True)
    assert taken(study, plan, tmp_path).number == 1


def test_how_a_trial_ended_is_told_apart(tmp_path: Path, plan: SearchPlan) -> None:
    study = begin(tmp_path, 5)
    end(study, tmp_path, taken(study, plan, tmp_path), "pruned")
    end(study, tmp_path, taken(study, plan, tmp_path), "failed", message="It broke.", metrics={})
    end(study, tmp_path, taken(study, plan, tmp_path), metrics={"val/acc": None})
    assert end(study, tmp_path, taken(study, plan, tmp_path), "interrupted") is None
    pruned, failed, empty, interrupted = of_study(study)
    assert (pruned.status, pruned.result) == ("pruned", 0.5)
    assert (failed.status, failed.result, failed.message) == ("failed", None, "It broke.")
    assert (empty.status, empty.message) == ("failed", "The run completed without a value of val/acc.")
    assert interrupted.status == "running"
    assert taken(study, plan, tmp_path).number == 3  # and is gone on with


def test_a_trial_on_data_that_was_changed_meanwhile_does_not_count(tmp_path: Path, plan: SearchPlan) -> None:
    study = begin(tmp_path, 4)
    for mark in ("1" * 16, "1" * 16, None, "2" * 16):
        end(study, tmp_path, taken(study, plan, tmp_path), data={"name": "csv", "fingerprint": mark})
    trials = of_study(study)
    assert [trial.status for trial in trials] == ["completed", "completed", "completed", "failed"]
    assert "The data has changed" in trials[3].message


def test_values_that_do_not_fit_together_are_noted_and_do_not_count(
    tmp_path: Path, plan: SearchPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def problem(overrides: list[str], folders: Any) -> UserError | None:
        return refuse("data.batch_size=32", "Too small.") if "data.batch_size=32" in overrides else None

    monkeypatch.setattr(claims, "problem_with", problem)
    study = begin(tmp_path, 6)
    for _ in range(6):
        end(study, tmp_path, taken(study, plan, tmp_path))
    trials = of_study(study)
    refused = [trial for trial in trials if trial.status == "refused"]
    assert refused
    assert all(trial.values["data.batch_size"] == "32" and "Too small." in trial.message for trial in refused)
    assert sum(trial.counts for trial in trials) == 6
    assert claim(study, plan, tmp_path, None) is None


@pytest.mark.parametrize("alike", [True, False])
def test_a_space_where_nothing_fits_together_ends(
    tmp_path: Path, plan: SearchPlan, monkeypatch: pytest.MonkeyPatch, alike: bool
) -> None:
    counted = iter(range(1000))

    def problem(overrides: Any, folders: Any) -> UserError:
        return refuse("optim.lr=1", f"Never{'' if alike else next(counted)}.", "optim.lr=2")

    monkeypatch.setattr(claims, "problem_with", problem)
    monkeypatch.setattr(claims, "_ALIKE_IN_A_ROW", 3)
    monkeypatch.setattr(claims, "_REFUSED_IN_A_ROW", 5)
    many = "3" if alike else "5"
    with pytest.raises(UserError, match=rf"{many} samples in a row(?s:.*)Never(?s:.*)Fix: optim.lr=2"):
        claim(begin(tmp_path, 2), plan, tmp_path, None)


def test_threads_take_different_trials(tmp_path: Path, plan: SearchPlan) -> None:
    study = begin(tmp_path, 4)
    found: list[Claim] = []
    threads = [threading.Thread(target=lambda: found.append(taken(study, plan, tmp_path))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.number for one in found) == [0, 1, 2, 3]


def test_a_trial_that_is_settled_while_one_looks_is_not_taken_again(
    tmp_path: Path, plan: SearchPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = begin(tmp_path, 2)
    first, take = taken(study, plan, tmp_path), claims._take

    def late(folder: Path, number: int) -> Any:
        if number == 0:
            end(study, tmp_path, first)  # between the list and the lock
        return take(folder, number)

    monkeypatch.setattr(claims, "_take", late)
    second = taken(study, plan, tmp_path)
    monkeypatch.setattr(claims, "_take", take)
    assert (second.number, second.again) == (1, False)


def test_what_somebody_trains_is_told_from_what_was_left_behind(
    tmp_path: Path, plan: SearchPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = begin(tmp_path, 3)
    first, second, _third = (taken(study, plan, tmp_path) for _ in range(3))
    second.held.release()  # as a killed process does
    assert [one.status for one in trials_now(study, tmp_path)] == ["running", "interrupted", "running"]
    take = claims._take

    def late(folder: Path, number: int) -> Any:
        if number == first.number:
            end(study, tmp_path, first)  # between the look at the study and the one at the lock
        return take(folder, number)

    monkeypatch.setattr(claims, "_take", late)
    assert [one.status for one in trials_now(study, tmp_path)] == ["completed", "interrupted", "running"]
