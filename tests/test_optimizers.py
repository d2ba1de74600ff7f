"""Every optimizer trains: alone on its default task, and on losses unlike the default one."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

import lossbook
from lossbook.config.options import Options, conf_folder

ALONE = [(f"optim={name}",) for name in Options([conf_folder()]).names("optim")]
ELSEWHERE = [("optim=rprop", "loss=ctc"), ("optim=muon", "loss=triplet_margin"), ("optim=asgd", "loss=bce")]
QUICK = {("optim=lbfgs",): ["optim.max_iter=2"]}


@pytest.mark.parametrize("choices", [*ALONE, *ELSEWHERE], ids=" ".join)
def test_it_trains(choices: tuple[str, ...], tmp_path: Path) -> None:
    config = lossbook.compose(
        *choices, "data.limit=48", "data.batch_size=24", "trainer=cpu", "trainer.max_epochs=2", "logger=none",
        *QUICK.get(choices, ()),
    )  # fmt: skip
    metrics = lossbook.train(config, tmp_path)
    assert math.isfinite(metrics["train/loss"])
    assert math.isfinite(metrics["test/loss"])
