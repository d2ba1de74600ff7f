"""A run over two processes: one folder, one table, and the metrics of all samples."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import lossbook
from lossbook.checkpoints.read import read
from lossbook.config.check import check
from lossbook.config.resolve import plain
from lossbook.training.assemble import assemble
from lossbook.training.processes import first_process_folder, launching
from lossbook.trust import OWN_CONFIG

SCRIPT = Path(__file__).parents[2] / "scripts" / "train.py"
# an odd number: one process has a sample more than the other
OPTIONS = ["trainer=cpu", "data.limit=101", "data.batch_size=32", "trainer.max_epochs=1", "loss=cosine_embedding"]


@pytest.mark.slow
def test_two_processes_share_a_folder_and_their_metrics_are_of_all_samples(tmp_path: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(SCRIPT), *OPTIONS, "trainer.max_steps=1", "trainer.val_check_interval=1"]
    command += ["trainer.devices=2", "trainer.strategy=ddp"]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("2 processes") == run.stdout.count("tensorboard --logdir") == 1
    (folder,) = (tmp_path / "outputs" / "cosine_embedding-adam").iterdir()
    record = json.loads((folder / "metrics.json").read_text())["metrics"]

    # each process has drawn numbers and summed losses of its own, and would find them again
    last = read(folder / "checkpoints" / "last.ckpt")
    states = [last["lossbook"]["rng"][rank]["torch"] for rank in range(2)]
    assert not torch.equal(*states)
    assert last["global_step"] == 1
    sums = [last["meter"][rank]["means.loss"]["state"]["total"] for rank in range(2)]
    assert sums[0] != sums[1]
    assert sums[0] > 0 < sums[1]

    best = folder / "checkpoints" / "best.ckpt"
    alone = lossbook.evaluate(lossbook.compose(f"ckpt={best}", "trainer.devices=1"))
    assert not torch.distributed.is_initialized()  # which a process that evaluates alone had been, too
    for name in ("test/recall_at_1", "test/map_at_r"):  # a gallery of both processes' training samples
        assert record[name] == pytest.approx(alone[name], abs=1e-5), name

    values = plain(lossbook.compose(*OPTIONS))
    assembly = assemble(values, check(values), OWN_CONFIG)
    assembly.module.load_state_dict(read(best)["state_dict"])
    part = assembly.data.preparing.plain(dict(assembly.data.part("val")))
    # a process's batches hold every other sample, the last one joined to the batch before where it is alone
    losses, weights = [], []
    with torch.no_grad():
        for rank in range(2):
            for rows in torch.arange(101)[rank::2].split(32):
                batch = {"target": part["target"][rows]}
                step = assembly.task.heads[""](assembly.module.eval().model(part["input"][rows]), batch)
                losses.append(float(step.loss))
                weights.append(int(step.weight))
    expected = sum(loss * weight for loss, weight in zip(losses, weights, strict=True)) / sum(weights)
    assert record["val/loss"] == pytest.approx(expected, rel=1e-5)


TELLS = """
import os, signal
import lightning

class Tells(lightning.Callback):  # the second of two processes alone
    def on_train_batch_start(self, trainer, *_):
        if (trainer.global_rank, trainer.global_step) == (1, 2):
            os.kill(os.getpid(), signal.SIGTERM)
"""


@pytest.mark.slow
def test_where_one_process_is_told_to_end_all_stop_at_one_step_and_go_on_from_there(tmp_path: Path) -> None:
    (tmp_path / "tells.py").write_text(TELLS)

    def run(folder: str, *arguments: str) -> tuple[int, dict[str, Any]]:
        command = [sys.executable, str(SCRIPT), *arguments, "trainer.devices=2", f"hydra.run.dir={folder}"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False, timeout=120)
        return done.returncode, read(tmp_path / folder / "checkpoints" / "last.ckpt")

    options = ["trainer=cpu", "data.limit=101", "data.batch_size=8", "trainer.max_epochs=2", "model.dropout=0.3"]
    options += ["trainer.strategy=ddp", "logger=none"]
    _, whole = run("whole", *options)
    code, stopped = run("stopped", *options, "+callbacks.tells={_target_: tells.Tells}")
    assert (code, stopped["global_step"], stopped["epoch"]) == (143, 4, 0)  # all know of it when step 3 begins
    assert json.loads((tmp_path / "stopped" / "metrics.json").read_text())["status"] == "interrupted"
    code, resumed = run("resumed", "ckpt=stopped/checkpoints/last.ckpt", "+trust=[tells.Tells]")
    assert code == 0
    torch.testing.assert_close(resumed["state_dict"], whole["state_dict"], rtol=0, atol=0)
    metrics = [json.loads((tmp_path / name / "metrics.json").read_text())["metrics"] for name in ("whole", "resumed")]
    assert metrics[0] == metrics[1]


def test_launched_processes_know_the_folder_and_nothing_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RANK", "LOCAL_RANK", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WORLD_SIZE", "7")
    before = dict(os.environ)
    with launching(tmp_path):
        assert first_process_folder() == tmp_path
        os.environ |= {"LOCAL_RANK": "0", "WORLD_SIZE": "2", "MASTER_PORT": "1"}  # as Lightning's launcher does
    assert dict(os.environ) == before


def test_a_process_that_something_else_started_cannot_write_by_mistake() -> None:
    with pytest.raises(NotADirectoryError):
        (first_process_folder() / "checkpoints").mkdir(parents=True)
