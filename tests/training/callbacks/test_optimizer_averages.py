"""The weights that ASGD averages are those that count; how they are swapped is in test_averaged_weights.py."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import lossbook
from lossbook.checkpoints.read import read
from lossbook.training.callbacks.averaged_weights import TRAINED

SHORT = ("optim=asgd", "data.limit=96", "data.batch_size=24", "trainer=cpu", "trainer.max_epochs=2", "logger=none")


def test_an_optimizer_that_averages_is_validated_tested_and_saved_so(tmp_path: Path) -> None:
    metrics = lossbook.train(lossbook.compose(*SHORT, "optim.t0=2"), tmp_path)
    best, last = (tmp_path / f"checkpoints/{name}.ckpt" for name in ("best", "last"))
    found = lossbook.evaluate(lossbook.compose(f"ckpt={best}"))
    assert found == pytest.approx({tag: value for tag, value in metrics.items() if tag.startswith("test/")})
    checkpoint = read(last)
    (optimizer,) = checkpoint["optimizer_states"]
    numbers = {name: n for group in optimizer["param_groups"]
               for name, n in zip(group["param_names"], group["params"], strict=True)}  # fmt: skip
    assert numbers
    for name, number in numbers.items():
        assert torch.equal(checkpoint["state_dict"][name], optimizer["state"][number]["ax"])
        assert not torch.equal(checkpoint["state_dict"][name], checkpoint[TRAINED][name])


def test_up_to_the_start_of_averaging_the_weights_count(tmp_path: Path) -> None:
    lossbook.train(lossbook.compose(*SHORT, "optim.t0=1e6"), tmp_path)
    checkpoint = read(tmp_path / "checkpoints/last.ckpt")
    assert all(torch.equal(value, checkpoint["state_dict"][name]) for name, value in checkpoint[TRAINED].items())
