from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lossbook import console
from lossbook.invocation import command_file

SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.fixture(autouse=True)
def _argv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", list(sys.argv))


def test_every_script_is_a_command_and_the_reverse() -> None:
    scripts = {path.stem for path in SCRIPTS.glob("*.py")}
    assert scripts == {name.replace("-", "_") for name in console.COMMANDS}
    assert all(command_file(name).is_file() for name in scripts)


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_lists_the_commands(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert console.main(arguments) == 0
    shown = capsys.readouterr().out
    assert all(f"lossbook {name} " in shown for name in console.COMMANDS)


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert console.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("lossbook ")


@pytest.mark.parametrize(
    ("given", "fix"),
    [("tran", "train"), ("findlr", "find-lr"), ("loss=ctc", "train ..."), ("-m", "train ..."), ("xyz", "--help")],
)
def test_a_command_that_does_not_exist(given: str, fix: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert console.main([given]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"lossbook {given}"
    assert lines[-1] == f"  Fix: lossbook {fix}"


@pytest.mark.parametrize("name", ["find-lr", "find_lr"])
def test_texts_name_what_was_typed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert console.main([name, "--help"]) == 0
    shown = capsys.readouterr().out
    assert "  lossbook find-lr loss=ctc optim=sgd" in shown
    assert "scripts/" not in shown
    assert console.main(["report"]) == 1
    assert "Fix: lossbook report outputs" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", ["--help", "--version", "tran", "train --help", "train --cfg job", "train loss=x"]
)
def test_torch_is_not_waited_for(arguments: str, tmp_path: Path) -> None:
    probe = "import sys; from lossbook.console import main; main(sys.argv[1:])\n"
    probe += "print({'torch', 'matplotlib', 'lightning'} & set(sys.modules))"
    command = [sys.executable, "-c", probe, *arguments.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "set()"


@pytest.mark.slow
@pytest.mark.parametrize("how", ["-m lossbook", "console"])
def test_two_processes_of_one_run_are_started(how: str, tmp_path: Path) -> None:
    """The console script itself does what ``console`` does here; a module of the user's has a command's name."""
    tmp_path.joinpath("train.py").write_text("import torch\nclass Net(torch.nn.Linear):\n    pass\n")
    tmp_path.joinpath("lossbook").write_text("import sys\nfrom lossbook.console import main\nsys.exit(main())\n")
    start = [sys.executable, *how.split()] if how != "console" else [sys.executable, "lossbook"]
    given = ["data=digits", "trainer.max_epochs=1", "trainer.devices=2", "trainer.accelerator=cpu", "logger=none"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*start, "train", *given, "data.limit=64", "hydra.run.dir=run"],
        capture_output=True, text=True, cwd=tmp_path, env=environment, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "checkpoints" / "best.ckpt").exists()
