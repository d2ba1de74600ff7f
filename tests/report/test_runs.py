from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lossbook.report.runs import find_runs


def test_runs_are_found_wherever_they_lie_and_once(tmp_path: Path, run: Callable[..., Path]) -> None:
    run(tmp_path / "mse-adam" / "2026-01-01_10-00-00")
    for number in (0, 2, 10):
        run(tmp_path / "sweeps" / "night" / str(number))
    run(tmp_path / "sweeps" / "night" / "2" / "checkpoints" / "x")  # no run lies there
    run(tmp_path / "sweeps" / "night" / "report" / "x")
    runs, plans = find_runs([tmp_path, tmp_path / "sweeps", tmp_path / "sweeps" / "night" / "2"])
    names = ["mse-adam/2026-01-01_10-00-00", "sweeps/night/0", "sweeps/night/2", "sweeps/night/10"]
    assert [one.name for one in runs] == names
    assert [one.number for one in runs] == [None, 0, 2, 10]
    assert plans == {}


def test_what_a_run_says(tmp_path: Path, run: Callable[..., Path]) -> None:
    run(tmp_path, 0.75, seed=3, metrics={"test/acc": 0.5, "val/loss": None}, memory_mb=512.5, wall_time_s=1.5)
    ((one,), _) = find_runs([tmp_path])
    assert (one.result, one.tested, one.memory, one.wall, one.counts) == (0.75, 0.5, 512.5, 1.5, True)
    assert one.overrides == ("loss=cross_entropy", "optim=adam", "seed=3")
    assert one.config["seed"] == 3
    assert one.metrics["val/loss"] is None


BROKEN = {
    "half": ('{"status": "comp', "unfinished", "metrics.json cannot be read"),
    "list": ("[1, 2]", "unfinished", "metrics.json cannot be read"),
    "empty": ("", "unfinished", "metrics.json cannot be read"),
    "bytes": (b"\xff\xfe\x00", "unfinished", "metrics.json cannot be read"),
    "none": (None, "unfinished", "still running, or killed"),
    "bare": ('{"status": "failed", "message": "killed by signal 9"}', "failed", "killed by signal 9"),
    "odd": ('{"status": 7, "primary": 3, "metrics": [], "wall_time_s": "x", "epochs": 1.5}', "unfinished", ""),
    "nan": ('{"status": "completed", "primary": "val/acc", "metrics": {"val/acc": NaN}}', "completed", ""),
}


@pytest.mark.parametrize("case", BROKEN)
def test_files_that_are_broken_or_old_are_read_as_far_as_they_go(
    tmp_path: Path, run: Callable[..., Path], case: str
) -> None:
    content, status, message = BROKEN[case]
    path = run(tmp_path / "one") / "metrics.json"
    path.unlink()
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    ((one,), _) = find_runs([tmp_path])
    assert (one.status, one.message, one.result, one.counts) == (status, message, None, False)
    assert one.config["choices"]["loss"] == "cross_entropy"


def test_a_config_that_is_missing_or_broken_leaves_the_metrics(tmp_path: Path, run: Callable[..., Path]) -> None:
    (run(tmp_path / "a") / "config.yaml").unlink()
    (run(tmp_path / "b") / "config.yaml").write_text("loss: [1, {")
    (run(tmp_path / "c") / "config.yaml").write_text("just a text")
    runs, _ = find_runs([tmp_path])
    assert [(one.config, one.result) for one in runs] == [({}, 0.9)] * 3


def test_configs_of_other_programs_are_no_runs(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("theme: dark")
    assert find_runs([tmp_path]) == ([], {})


def test_a_sweep_names_its_jobs_and_knows_those_without_a_config(
    tmp_path: Path, run: Callable[..., Path], sweep: Callable[..., None]
) -> None:
    sweep(
        tmp_path, [("loss=mse seed=0", None), ("loss=l1 seed=0", None), ("loss=ctc seed=0", "it takes text")], ["loss"]
    )
    run(tmp_path / "0")
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "metrics.json").write_text(json.dumps({"status": "failed", "message": "killed", "primary": None}))
    runs, plans = find_runs([tmp_path])
    (plan,) = plans.values()
    assert [(one.number, one.name) for one in runs] == [(0, "loss=mse,seed=0"), (1, "loss=l1,seed=0")]
    assert runs[1].overrides == ("loss=l1", "seed=0")
    assert [job.refused for job in plan.jobs] == [None, None, "it takes text"]
    ((alone,), plans) = find_runs([tmp_path / "1"])  # a job's folder by itself
    assert (alone.name, plans) == ("loss=l1,seed=0", {})


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"jobs": [{}]}', '{"jobs": 3}', '{"jobs": [{"number": "x", "name": ""}]}']
)
def test_a_plan_that_cannot_be_read_is_none(tmp_path: Path, run: Callable[..., Path], content: str) -> None:
    (run(tmp_path / "0").parent / "sweep.json").write_text(content)
    runs, plans = find_runs([tmp_path])
    assert [one.name for one in runs] == ["0"]
    assert plans == {}


def test_links_to_runs_are_followed_and_those_that_lead_back_are_not(tmp_path: Path, run: Callable[..., Path]) -> None:
    run(tmp_path / "elsewhere" / "a")
    (tmp_path / "mine" / "²").mkdir(parents=True)  # a digit, but no number
    (tmp_path / "mine" / "a").symlink_to(tmp_path / "elsewhere" / "a")
    (tmp_path / "mine" / "back").symlink_to(tmp_path / "mine")
    runs, _ = find_runs([tmp_path / "mine"])
    assert [one.name for one in runs] == ["a"]
