from __future__ import annotations

from pathlib import Path

import pytest

# what becomes of a run's training is the value of ``fate``, until a file of the working folder says that all is well
FAULTY = """
import os, signal, time
from pathlib import Path
import torch
from torch.nn import functional as F

def faulty(input, target, fate: str):
    loss = F.cross_entropy(input, target)
    if fate == "well" or not torch.is_grad_enabled() or Path("fixed").exists():
        return loss
    if fate == "nan":
        return loss * float("nan")
    if fate == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if fate == "exits":
        os._exit(3)
    if fate == "hangs":
        time.sleep(1000)
    if fate == "stuck":  # and deaf to Ctrl-C
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        time.sleep(1000)
    raise ZeroDivisionError("the user's own")
"""


@pytest.fixture
def faulty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a loss of the user's own that can fail in many ways: the folder of its option."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (tmp_path / "mine" / "loss").mkdir(parents=True)
    (tmp_path / "faulty.py").write_text(FAULTY)
    option = 'criterion: {_target_: faulty.faulty, fate: "well"}\naccepts: {class: index}\n'
    (tmp_path / "mine" / "loss" / "faulty.yaml").write_text(option)
    return tmp_path / "mine"
