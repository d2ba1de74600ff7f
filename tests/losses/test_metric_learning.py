"""Losses of pytorch-metric-learning: one YAML each, without a number that follows from the data."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

import lossbook
from lossbook.checkpoints.read import read
from lossbook.config.check import check
from lossbook.config.resolve import plain
from lossbook.errors import UserError
from lossbook.training.assemble import Assembly, assemble
from lossbook.trust import OWN_CONFIG

pytest.importorskip("pytorch_metric_learning")
CONF = Path(__file__).parent / "metric_learning"
LOSSES = sorted(path.stem for path in (CONF / "loss").glob("*.yaml"))
LEARNED = {  # what a criterion learns: its name and its shape, for ten classes and embeddings of 64 numbers
    "pml_arcface": ("W", (64, 10)),
    "pml_cosface": ("W", (64, 10)),
    "pml_subcenter_arcface": ("W", (64, 30)),
    "pml_proxy_nca": ("proxies", (10, 64)),
    "pml_proxy_anchor": ("proxies", (10, 64)),
    "pml_soft_triple": ("fc", (64, 100)),
}
SMALL = (
    "seed=4",
    "scheduler=none",  # its length would follow that of the cut run
    "data.limit=96",
    "data.batch_size=32",
    "model=mlp",
    "model.hidden=[16]",
    "trainer=cpu",
    "logger=none",
)


def assembled(*overrides: str) -> Assembly:
    values = plain(lossbook.compose(*SMALL, *overrides, config_dir=CONF))
    return assemble(values, check(values), OWN_CONFIG)


def train(folder: Path, *overrides: str) -> tuple[dict[str, float], dict[str, torch.Tensor]]:
    metrics = lossbook.train(lossbook.compose(*SMALL, *overrides, config_dir=CONF), folder)
    return metrics, read(folder / "checkpoints" / "last.ckpt")["state_dict"]


@pytest.mark.parametrize("loss", LOSSES)
def test_two_steps(tmp_path: Path, loss: str) -> None:
    metrics, weights = train(tmp_path, f"loss={loss}", "data.batch_size=48", "trainer.max_epochs=1")
    assert all(math.isfinite(metrics[f"{part}/loss"]) for part in ("train", "val", "test"))
    assert 0 <= metrics["test/recall_at_1"] <= 1
    start = assembled(f"loss={loss}").module.state_dict()
    learned = [name for name in weights if name.startswith("objective.criterion.")]
    assert learned == ([f"objective.criterion.{LEARNED[loss][0]}"] if loss in LEARNED else [])
    for name in learned:
        assert weights[name].shape == LEARNED[loss][1]
        assert not torch.equal(weights[name], start[name])


@pytest.mark.parametrize("loss", LEARNED)
def test_a_resumed_run_has_the_weights_of_one_that_was_not_cut(tmp_path: Path, loss: str) -> None:
    whole, weights = train(tmp_path / "whole", f"loss={loss}", "trainer.max_epochs=3")
    train(tmp_path / "cut", f"loss={loss}", "trainer.max_epochs=3", "trainer.max_steps=4")
    ckpt = f"ckpt={tmp_path / 'cut' / 'checkpoints' / 'last.ckpt'}"
    # a checkpoint builds classes of other libraries only where its user names them
    target = lossbook.compose(f"loss={loss}", config_dir=CONF).loss.criterion._target_
    config = lossbook.compose(ckpt, "trainer.max_steps=-1", f"+trust=[{target}]", config_dir=CONF)
    resumed = lossbook.train(config, tmp_path / "resumed")
    after = read(tmp_path / "resumed" / "checkpoints" / "last.ckpt")["state_dict"]
    assert weights.keys() == after.keys()
    assert all(torch.equal(weights[name], after[name]) for name in weights)
    assert resumed == whole


def test_a_checkpoint_needs_trust_in_the_criterion(tmp_path: Path) -> None:
    train(tmp_path, "loss=pml_cosface", "trainer.max_steps=1")
    with pytest.raises(UserError) as caught:
        lossbook.train(lossbook.compose(f"ckpt={tmp_path / 'checkpoints' / 'last.ckpt'}"), tmp_path / "resumed")
    assert "+trust=[pytorch_metric_learning.losses.CosFaceLoss]" in str(caught.value)


@pytest.mark.parametrize("loss", LEARNED)
def test_a_rule_gives_what_a_criterion_learns_its_own_learning_rate(loss: str) -> None:
    name = f"objective.criterion.{LEARNED[loss][0]}"
    groups = assembled(f"loss={loss}", f"param_groups.rules=[{{match: {name}, lr: 0.1}}]").groups
    (own,) = [group for group in groups if name in [known for known, _ in group["params"]]]
    assert len(own["params"]) == 1
    assert own["lr"] == 0.1


def test_a_rule_that_covers_nothing_is_answered_with_the_nearest_names() -> None:
    with pytest.raises(UserError, match=r"covers no parameter.*\n.*nearest names are.*objective\.criterion\.W"):
        assembled("loss=pml_arcface", "param_groups.rules=[{match: objective.criterion.w, lr: 0.1}]")
