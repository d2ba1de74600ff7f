"""Every optimizer, averages of weights, stages: resumed within an epoch, they end bit for bit as if never cut."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

import lossbook
from lossbook.checkpoints.read import AtomicCheckpointIO, read
from lossbook.config.options import conf_folder

OPTIMIZERS = sorted(path.stem for path in (conf_folder() / "optim").glob("*.yaml"))
SMALL = ("data.limit=80", "data.batch_size=16", "trainer=cpu", "trainer.max_epochs=2", "logger=none")  # 5 + 5 steps
CUT = 7  # in the second epoch; averages and unfrozen layers are there by then
CASES = {
    **{name: [f"optim={name}", *([] if name == "sparse_adam" else ["model=mlp"])] for name in OPTIMIZERS},
    "lbfgs": ["optim=lbfgs", "model=mlp", "optim.max_iter=4"],
    "ema": ["optim=sgd", "model=mlp", "callbacks=ema"],
    "swa": ["optim=sgd", "model=cnn", "callbacks=swa", "callbacks.swa.start=0.1"],
    "stages": ["optim=adamw", "model=mlp", "param_groups=gradual"],
    "muon with ema and clipping": ["optim=muon", "model=mlp", "callbacks=ema", "trainer.gradient_clip_val=0.5"],
    "muon in bfloat16": ["optim=muon", "model=mlp", "trainer.precision=bf16-mixed"],
}
STATES = ("state_dict", "optimizer_states", "lr_schedulers", "global_step", "epoch", "meter")


def same(left: Any, right: Any) -> bool:
    if isinstance(left, torch.Tensor):
        return torch.equal(left, right)
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(value, right[key]) for key, value in left.items())
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def assert_same_end(folder: Path, whole: Path) -> None:
    left, right = (read(each / "checkpoints/last.ckpt") for each in (folder, whole))
    assert ("current_model_state" in left) == ("current_model_state" in right)
    for key in (*STATES, *({"current_model_state"} & left.keys())):
        assert same(left[key], right[key]), key
    assert same(left["lossbook"]["rng"], right["lossbook"]["rng"])


def test_all_fifteen_are_here() -> None:
    assert len(OPTIMIZERS) == 15


@pytest.mark.parametrize("case", CASES)
def test_cut_within_an_epoch(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "kept.ckpt"
    write = AtomicCheckpointIO.save_checkpoint

    def keep(self: AtomicCheckpointIO, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        write(self, checkpoint, path)
        if checkpoint["global_step"] == CUT and not kept.exists():
            shutil.copy(path, kept)

    monkeypatch.setattr(AtomicCheckpointIO, "save_checkpoint", keep)
    every = f"callbacks.checkpoints.every_n_steps={CUT}"
    schedule = [] if case == "rprop" else ["scheduler=cosine", "scheduler.warmup=0.2"]  # none acts on rprop
    lossbook.train(lossbook.compose(*CASES[case], *SMALL, *schedule, every), tmp_path / "whole")
    torch.rand(3)  # a resumed program may have drawn other numbers by now
    lossbook.train(lossbook.compose(f"ckpt={kept}"), tmp_path / "resumed")
    start, end = read(kept), read(tmp_path / "resumed/checkpoints/last.ckpt")
    assert (start["global_step"], end["global_step"]) == (CUT, 10)
    assert not same(start["state_dict"], end["state_dict"])
    assert_same_end(tmp_path / "resumed", tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("case", ["muon with ema and clipping", "asgd"])
def test_the_command_killed_by_sigkill(case: str, tmp_path: Path) -> None:
    options = [*CASES[case], "trainer=cpu", "trainer.max_epochs=2", "logger=none", "data.batch_size=16"]
    options += ["data.limit=1000", "scheduler=cosine", "callbacks.checkpoints.every_n_steps=3"]
    command = [sys.executable, str(Path(__file__).parents[1] / "scripts/train.py"), *options]
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    killed = subprocess.Popen(
        [*command, f"hydra.run.dir={tmp_path / 'killed'}"], stdout=subprocess.DEVNULL, env=environment
    )
    last = tmp_path / "killed/checkpoints/last.ckpt"
    while not last.exists() and killed.poll() is None:
        time.sleep(0.005)
    killed.kill()
    killed.wait()
    assert read(last)["global_step"] < 120, "it had time to end"
    lossbook.train(lossbook.compose(*options), tmp_path / "whole")
    lossbook.train(lossbook.compose(f"ckpt={last}"), tmp_path / "resumed")
    assert_same_end(tmp_path / "resumed", tmp_path / "whole")
