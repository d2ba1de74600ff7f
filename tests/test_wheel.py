"""What is installed brings everything along: it works in an empty folder elsewhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SMALL = ["trainer.max_epochs=1", "trainer.accelerator=cpu", "logger=none", "data.limit=64"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what a wheel holds; without hatchling it is laid out as pyproject.toml tells hatchling to."""
    folder = tmp_path_factory.mktemp("site-packages")
    if find_spec("hatchling"):
        built = tmp_path_factory.mktemp("wheel")
        command = [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            str(ROOT),
            "--no-deps",
            "--no-build-isolation",
            "-w",
            str(built),
        ]
        subprocess.run(command, check=True, capture_output=True)
        (wheel,) = built.glob("lossbook-*.whl")
        zipfile.ZipFile(wheel).extractall(folder)
        return folder
    if sys.version_info < (3, 11):
        pytest.skip("needs hatchling")
    import tomllib

    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    for package in wheel["packages"]:
        shutil.copytree(ROOT / package, folder / Path(package).name, ignore=shutil.ignore_patterns("__pycache__"))
    for source, target in wheel["force-include"].items():
        shutil.copytree(ROOT / source, folder / target)
    return folder


def call(installed: Path, where: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "lossbook", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=where, env=environment, check=False)


def test_it_trains_evaluates_and_reports_elsewhere(installed: Path, tmp_path: Path) -> None:
    assert (installed / "lossbook" / "conf" / "train.yaml").is_file()
    done = call(installed, tmp_path, "train", *SMALL, "hydra.run.dir=runs/a b")
    assert done.returncode == 0, done.stderr
    done = call(installed, tmp_path, "evaluate", "ckpt=runs/a b/checkpoints/best.ckpt", "trainer.accelerator=cpu")
    assert done.returncode == 0, done.stderr
    assert "acc" in done.stdout
    done = call(installed, tmp_path, "report", "runs")
    assert done.returncode == 0, done.stderr
    assert "scripts/" not in (tmp_path / "runs" / "report" / "README.md").read_text()


def test_its_sweeps_start_their_own_processes(installed: Path, tmp_path: Path) -> None:
    tmp_path.joinpath("train.py").write_text("raise ImportError('this is not the command')\n")
    done = call(installed, tmp_path, "train", "-m", "loss=cross_entropy,mse", "data=digits", *SMALL)
    assert done.returncode == 0, done.stdout + done.stderr
    (sweep,) = (tmp_path / "outputs" / "sweeps").iterdir()
    assert (sweep / "0" / "output.txt").read_text().startswith("$ lossbook train loss=")
    page = (sweep / "report" / "README.md").read_text()
    assert "    lossbook train -m loss=cross_entropy,mse data=digits" in page
    assert f"    lossbook report outputs/sweeps/{sweep.name}" in page


def test_a_search(installed: Path, tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    done = call(installed, tmp_path, "search", "optim.lr=interval(1e-3,1e-2)", "search.trials=1", *SMALL)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "best     OMP_NUM_THREADS=1 lossbook train " in done.stdout or "best     lossbook train " in done.stdout
