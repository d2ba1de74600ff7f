from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "report.py"
CONFIG = "choices: {loss: mse, optim: %s, data: digits}\noverrides: [optim=%s]\nseed: 0\n"


def called(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    for place, optim in enumerate(("adam", "sgd")):
        folder = tmp_path / "outputs" / "night" / f"optim={optim}"
        folder.mkdir(parents=True)
        (folder / "config.yaml").write_text(CONFIG % (optim, optim))
        record = {"status": "completed", "primary": "val/acc", "mode": "max", "metrics": {"val/acc": 0.9 - place / 10}}
        (folder / "metrics.json").write_text(json.dumps(record))
    return tmp_path


def test_a_report_of_a_folder_and_of_several(outputs: Path) -> None:
    done = called(outputs, "outputs/night")
    assert (done.returncode, done.stderr) == (0, "")
    assert "adam" in done.stdout
    assert (outputs / "outputs" / "night" / "report" / "README.md").exists()
    done = called(outputs, "outputs/night/optim=adam", "outputs/night/optim=sgd")
    assert done.returncode == 0
    (where,) = (outputs / "outputs" / "reports").iterdir()
    assert str(where.relative_to(outputs)) in done.stdout
    assert called(outputs, "outputs", "out=docs/compared").returncode == 0
    assert (outputs / "docs" / "compared" / "leaderboard.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["output"], "There is no such folder"),
        (["outputs", "out="], "out needs a path"),
        (["outputs", "ou=x"], "There is no such option"),
        (["--fast", "outputs"], "There is no such option"),
        ([], "At least one folder"),
    ],
)
def test_mistakes_cost_four_lines_and_leave_nothing(outputs: Path, arguments: list[str], said: str) -> None:
    done = called(outputs, *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) <= 4
    assert sorted(path.name for path in outputs.iterdir()) == ["outputs"]
    assert [path.name for path in (outputs / "outputs").iterdir()] == ["night"]


def test_help_is_answered_at_once(tmp_path: Path) -> None:
    done = called(tmp_path, "--help")
    assert done.returncode == 0
    assert "python scripts/report.py DIR" in done.stdout
    probe = "import sys, runpy; sys.argv = ['report', '--help']\n"
    probe += f"try: runpy.run_path({str(SCRIPT)!r}, run_name='__main__')\n"
    probe += "except SystemExit: print({'torch', 'matplotlib', 'hydra'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
