from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "evaluate.py"


def test_the_help_offers_what_has_an_effect_alone(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--help"], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert "digit_lines" in done.stdout
    assert not any(name in done.stdout for name in ("adam", "triplet_margin", "crnn", "no_decay"))


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--help"], 0, "Computes the metrics of a checkpoint"),
        (["data=digits"], 1, "ckpt"),
        (["ckpt=nowhere/last.ckpt"], 1, "ckpt=nowhere/last.ckpt"),
    ],
)
def test_it_says_what_it_needs(tmp_path: Path, arguments: list[str], code: int, said: str):
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert (done.returncode, said in done.stdout + done.stderr) == (code, True)
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 4
    assert list(tmp_path.iterdir()) == []
