from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from lossbook.search import command as module
from lossbook.search import storage
from lossbook.search.command import command
from lossbook.search.plan import SearchPlan
from lossbook.search.trials import Trial, of_study

LR = "optim.lr=interval(1e-4,1e-1)"


@pytest.fixture
def search(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stand_in: Any, capsys: Any) -> Any:
    """Runs the command in an empty folder, without training; gives the exit code and what was printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("lossbook.search.plots.draw_search", lambda *arguments: [])
    monkeypatch.setattr("lossbook.search.trials.importances", lambda *arguments: [])

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["scripts/search.py", *arguments])
        code = command(arguments)
        out, err = capsys.readouterr()
        return code, out, err

    return run


def found(folder: str = "found") -> list[Trial]:
    return of_study(storage.load(Path(folder)))


def test_a_search_ends_with_the_command_of_its_best_trial(search: Any) -> None:
    code, out, _ = search(LR, "seed=3", "search.trials=6", "hydra.sweep.dir=found")
    trials = found()
    best = max((one for one in trials if one.status == "completed"), key=lambda one: (one.result, -one.loss))
    assert (code, len(trials)) == (0, 6)
    assert f"python scripts/train.py seed=3 optim.lr={best.values['optim.lr']:.4g}" in out
    assert out.count("  #") == 6
    assert SearchPlan.read(Path("found")).command[1] == LR


@pytest.mark.slow
def test_it_goes_on_alone_and_with_more_trials_as_if_never_stopped(search: Any) -> None:
    search(LR, "search.trials=3", "hydra.sweep.dir=found")
    assert search("search.resume=found")[0] == 0
    assert len(found()) == 3
    assert search("search.resume=found", LR, "search.trials=5")[0] == 0
    search(LR, "search.trials=5", "hydra.sweep.dir=whole")
    assert [one.values for one in found()] == [one.values for one in found("whole")]


def test_another_search_in_its_folder_is_refused(search: Any) -> None:
    search(LR, "search.trials=2", "hydra.sweep.dir=found")
    code, _, err = search("optim.lr=interval(1e-3,1e-1)", "search.resume=found")
    assert (code, len(found())) == (1, 2)
    assert "trials of the search were sampled from" in err
    assert "started with search.seed=0" in search("search.resume=found", "search.seed=1")[2]


def test_it_goes_on_where_it_was_begun(search: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    search(LR, "search.trials=2", "hydra.sweep.dir=found")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    code, _, err = search("search.resume=../found", "search.trials=3")
    assert (code, len(found("../found"))) == (1, 2)
    assert f"It was started in {tmp_path}, where" in err


def test_several_workers_share_the_trials(search: Any) -> None:
    code, out, _ = search(LR, "search.trials=6", "search.workers=3", "hydra.sweep.dir=found")
    assert (code, len(found())) == (0, 6)
    assert all(one.status != "running" for one in found())
    assert "OMP_NUM_THREADS=1 python scripts/train.py" in out


def test_a_space_that_is_exhausted_says_so(search: Any) -> None:
    code, out, _ = search("optim.lr=0.001,0.002,0.01", "search.trials=9", "hydra.sweep.dir=found")
    assert (code, len(found())) == (0, 3)
    assert "every combination of these values has been tried" in out


def test_where_every_trial_fails_the_first_message_is_told(search: Any) -> None:
    code, _, err = search("optim.lr=interval(0.06,0.09)", "search.trials=3", "hydra.sweep.dir=found")
    assert code == 1
    assert err.splitlines()[:2] == ["All 3 trials failed.", "  The first: The loss is not finite."]
    assert "0/output.txt" in err


def test_ctrl_c_ends_with_what_there_is_and_how_to_go_on(search: Any, stand_in: Any, monkeypatch: Any) -> None:
    waited = []

    def wait(crew: Any) -> None:
        for keeper in crew:
            keeper.ended.wait()
        waited.append(crew)
        if len(waited) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr("lossbook.sweeps.worker_pool._wait", wait)
    code, out, _ = search(LR, "search.trials=4", "hydra.sweep.dir=found")
    assert code == 130
    assert "best     python scripts/train.py" in out
    assert out.splitlines()[-1] == "go on    python scripts/search.py search.resume=found"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["search.pruner=medain"], "search.pruner=median"),
        (["search.trials=0"], "at least 1"),
        (["search.timeout=soon"], "search.timeout=600"),
        (["search.trails=3"], "search.trials"),
        (["search.resume=nowhere"], "holds no search.json"),
        (["-m", LR], "needs no -m"),
        (["ckpt=x.ckpt", LR], "from its checkpoint"),
        (["hydra/launcher=joblib", LR], "only hydra.sweep.dir"),
        (["--config-dir", "nowhere", LR], "no such folder"),
        (["optim.lr=0.1"], "needs a key to vary"),
        (["optim.lr=interval(a,b)"], "Fix: 'optim.lr=interval(1e-4,1e-1)'"),
        (["--cfg", "job", "optim.lr=interval(a,b)"], "Fix: 'optim.lr=interval(1e-4,1e-1)'"),
    ],
)
def test_mistakes_are_answered_and_leave_nothing(search: Any, arguments: list[str], says: str, tmp_path: Path) -> None:
    code, _, err = search(*arguments)
    assert code == 1
    assert says in err
    assert list(tmp_path.iterdir()) == []


def test_the_folder_has_the_time_for_its_name(search: Any, tmp_path: Path) -> None:
    search(LR, "search.trials=1")
    (folder,) = (tmp_path / "outputs" / "searches").iterdir()
    assert sorted(path.name for path in folder.iterdir() if path.name[0] != ".") == ["0", "search.json", "study.db"]
    assert module.OPTIONS["search.trials"] == 40
