from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "search.py"
SMALL = ["data.limit=128", "trainer.max_epochs=20", "search.pruner=none", "logger=none", "trainer=cpu"]
PROBE = """
import runpy, sys
script, *lines = sys.argv[1:]
for line in lines:
    sys.argv = [script, *line.split()]
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        code = end.code or 0
    print(f"<{line}> {code} {sorted({'torch', 'matplotlib', 'lightning', 'optuna'} & set(sys.modules))}", flush=True)
"""
LINES = {
    "--help": 0,
    "--cfg job optim=adam,sgd data=digits": 0,
    "-sc query=bash": 0,
    "search.trails=1 optim.lr=1,2": 1,
    "search.pruner=meadian optim.lr=1,2": 1,
    "optim.lr=0.1": 1,
    "optim.lrr=interval(0,1)": 1,
    "loss=cross_entropy,triplet_margin data=digits": 1,
    "search.resume=nowhere": 1,
}


def test_help_and_mistakes_need_neither_torch_nor_optuna_and_leave_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROBE, str(SCRIPT), *LINES]
    environment = {**os.environ, "COMP_LINE": "python search.py loss=mul", "COMP_POINT": "99"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    for line, code in LINES.items():
        assert f"<{line}> {code} []" in done.stdout, done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
    assert done.stdout.startswith("Searches for the values that train best")
    assert "search.trials=40" in done.stdout


@pytest.fixture(scope="module")
def killed_and_resumed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A search that was killed while its second trial trained, then gone on with; its folder and what it printed."""
    where = tmp_path_factory.mktemp("search")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    begin = [sys.executable, str(SCRIPT), "optim.lr=interval(1e-3,1e-2)", "model.dropout=0,0.2", *SMALL]
    whole = subprocess.Popen([*begin, "search.trials=3", "hydra.sweep.dir=found"], cwd=where, env=environment)
    try:
        deadline = time.monotonic() + 120
        while not (where / "found" / "1" / "checkpoints" / "last.ckpt").exists():
            assert time.monotonic() < deadline
            assert whole.poll() is None
            time.sleep(0.005)
    finally:
        whole.kill()
        whole.wait()
    again = [sys.executable, str(SCRIPT), "search.resume=found"]
    done = subprocess.run(again, capture_output=True, text=True, cwd=where, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return where, done.stdout


def test_a_search_that_was_killed_goes_on_with_the_trial_that_was_cut_short(
    killed_and_resumed: tuple[Path, str],
) -> None:
    where, printed = killed_and_resumed
    assert "so far  1 completed, 1 interrupted" in printed
    statuses = [json.loads((where / "found" / str(n) / "metrics.json").read_text())["status"] for n in range(3)]
    assert set(statuses) == {"completed"}
    assert not (where / "found" / "3").exists()
    assert {path.name for path in (where / "found" / "report").iterdir()} == {"history.png", "values.png", "curves.png"}


def test_the_command_that_is_printed_gives_the_very_metric(
    killed_and_resumed: tuple[Path, str],
) -> None:
    where, printed = killed_and_resumed
    (line,) = [line for line in printed.splitlines() if line.startswith("best ")]
    command = shlex.split(line.removeprefix("best"))
    assert command[:2] == ["python", "scripts/train.py"]
    script = ROOT / "scripts" / "train.py"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    again = [sys.executable, str(script), *command[2:], "hydra.run.dir=again"]
    subprocess.run(again, capture_output=True, cwd=where, env=environment, check=True)
    metrics = json.loads((where / "again" / "metrics.json").read_text())["metrics"]
    found = [json.loads(path.read_text())["metrics"] for path in (where / "found").glob("*/metrics.json")]
    best = max(found, key=lambda one: (one["val/acc"], -one["val/loss"]))
    assert metrics == best
