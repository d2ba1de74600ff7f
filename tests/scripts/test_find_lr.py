from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
PROBE = """
import runpy, sys
script, *lines = sys.argv[1:]
for line in lines:
    sys.argv = [script, *line.split()]
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        code = end.code or 0
    print(f"<{line}> {code} {sorted({'torch', 'matplotlib', 'lightning'} & set(sys.modules))}", flush=True)
"""
LINES = {
    "find_lr.py": {"--help": 0, "find.mim=1": 1, "find.steps=x": 1, "optim=rprop": 1, "los=ctc": 1, "--cfg job": 0},
    "explore.py": {"--help": 0, "loss=ctcc": 1, "loss=l1 optim=sgd": 1, "out=": 1, "trainer=cpu": 1},
}


@pytest.mark.parametrize("script", LINES)
def test_help_and_errors_need_neither_torch_nor_matplotlib_and_leave_nothing(tmp_path: Path, script: str) -> None:
    command = [sys.executable, "-c", PROBE, str(SCRIPTS / script), *LINES[script]]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    for line, code in LINES[script].items():
        assert f"<{line}> {code} []" in done.stdout, done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
