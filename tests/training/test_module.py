"""The one LightningModule, with networks, criteria and data of a user's own."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import lossbook
from lossbook.errors import UserError

MINE = '''
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import Dataset
from lossbook.data.schema import Schema
from lossbook.data.source import Parts, Source

class Rows(Dataset):
    def __init__(self, n, wrong=None):
        self.n, self.wrong = n, wrong
    def __len__(self):
        return self.n
    def __getitem__(self, i):
        target = torch.tensor(9 if i == self.wrong else i % 3)
        return {"input": torch.full((4,), i / self.n), "target": target, "index": i}

class Mine(Source):
    def __init__(self, wrong=None):
        self.wrong = wrong
    def load(self):
        schema = Schema(target="class", input_shape=(4,), samples=40, classes=3, class_counts=(14, 13, 13))
        return Parts(schema, Rows(40, self.wrong), Rows(12), Rows(12))

class TinyNet(nn.Module):
    """A user's own: takes an input, asks for the output's size alone."""
    def __init__(self, output_size):
        super().__init__()
        self.layer = nn.Linear(4, output_size)
    def forward(self, x):
        return self.layer(x)

class WithSoftmax(TinyNet):
    def forward(self, x):
        return self.layer(x).softmax(1)

class Broken(nn.Module):
    """Cross-entropy that turns nan after the ninth batch (the second epoch has begun)."""
    def __init__(self):
        super().__init__()
        self.calls = 0
    def forward(self, input, target):
        loss = F.cross_entropy(input, target)
        if self.training and torch.is_grad_enabled():
            self.calls += 1
            if self.calls > 9:
                return loss * torch.nan
        return loss
'''
DATA = """
target: class
views: 1
epochs: 2
batch_size: 5
limit: null
seed: 0
augment: null
num_workers: 0
source: {_target_: mine_of_the_test.Mine, wrong: null}
"""
LOSS = """
criterion: {_target_: mine_of_the_test.Broken}
accepts: {class: index}
"""
FOCAL = """
criterion: {_target_: torchvision.ops.sigmoid_focal_loss, alpha: 0.25, gamma: 2.0, reduction: mean}
accepts: {class: one_hot, multilabel: one_hot}
"""


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("mine")
    (folder / "mine_of_the_test.py").write_text(MINE)
    for name, text in {"data/mine": DATA, "loss/broken": LOSS, "loss/focal": FOCAL}.items():
        path = folder / "conf" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for name, net in (("tiny", "TinyNet"), ("softmax", "WithSoftmax")):
        path = folder / "conf" / "model" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"_target_: mine_of_the_test.{net}\nembedding_dim: null\n")
    sys.path.insert(0, str(folder))
    yield folder / "conf"
    sys.path.remove(str(folder))
    sys.modules.pop("mine_of_the_test", None)


def train(conf: Path, folder: Path, *overrides: str) -> dict[str, float]:
    config = lossbook.compose("data=mine", "model=tiny", "trainer=cpu", *overrides, config_dir=conf)
    return lossbook.train(config, folder)


def test_a_users_network_and_data_fit(conf: Path, tmp_path: Path) -> None:
    metrics = train(conf, tmp_path, "loss=cross_entropy")
    assert 0 <= metrics["test/acc"] <= 1


def test_a_target_out_of_range_is_told_with_its_batch_and_the_folder_records_it(conf: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"Batch \d of the train part.*holds 9") as error:
        train(conf, tmp_path, "loss=cross_entropy", "data.source.wrong=33")
    assert "0..2" in str(error.value)
    assert json.loads((tmp_path / "metrics.json").read_text())["status"] == "failed"


def test_nan_in_mid_training_says_where_and_the_last_good_checkpoint_stays(conf: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nan at step 9 \(epoch 1\)") as error:
        train(conf, tmp_path, "loss=broken")
    text = str(error.value)
    assert "largest gradient" in text
    assert "model.layer" in text
    assert "optim.lr" in text
    checkpoint = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert checkpoint["global_step"] == 8  # the end of the first epoch of 40 / 5 batches
    assert all(torch.isfinite(value).all() for value in checkpoint["state_dict"].values())


def test_a_network_that_ends_in_a_softmax_is_refused(conf: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="probabilities"):
        train(conf, tmp_path, "loss=cross_entropy", "model=softmax")


def test_a_loss_of_ones_own_needs_a_yaml_and_no_python(conf: Path, tmp_path: Path) -> None:
    metrics = train(conf, tmp_path / "a", "loss=focal")
    assert metrics["val/loss"] > 0
    config = lossbook.compose("loss=focal", "data=scene_labels", "data.limit=48", "trainer=cpu", "trainer.max_epochs=1",
                              "logger=none", config_dir=conf)  # fmt: skip
    assert "test/map" in lossbook.train(config, tmp_path / "b")


def train_small(folder: Path, *overrides: str) -> dict[str, float]:
    small = ("trainer=cpu", "trainer.max_epochs=1", "logger=none")
    return lossbook.train(lossbook.compose(*small, *overrides), folder)


def test_a_primary_metric_that_is_not_measured_is_refused_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        train_small(tmp_path, "loss=mse", "loss.primary.value=maee")
    assert "loss.primary.value=maee" in str(error.value)
    assert "r2, mae, rmse, loss" in str(error.value)
    assert "Fix: loss.primary.value=mae" in str(error.value)
    assert not list(tmp_path.iterdir())


def test_one_sample_of_validation_has_no_r2_and_the_run_tests_its_last_weights(tmp_path: Path) -> None:
    metrics = train_small(tmp_path, "loss=mse", "model.hidden=[]", "data.limit=1")
    assert "val/r2" not in metrics
    assert "test/mae" in metrics
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["last.ckpt"]


def test_without_validation_there_is_no_metric_at_a_threshold(tmp_path: Path) -> None:
    metrics = train_small(tmp_path, "loss=multilabel_margin", "data.limit=32", "trainer.limit_val_batches=0")
    assert "test/lrap" in metrics
    assert "test/f1" not in metrics


@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16-true", "64-true"])
def test_the_gallery_is_embedded_at_the_precision_of_the_run(tmp_path: Path, precision: str) -> None:
    small = ("data.limit=48", "data.batch_size=16", f"trainer.precision={precision}")
    assert train_small(tmp_path, "loss=cosine_embedding", *small)["val/recall_at_1"] > 0.3


def test_batches_of_pairs_without_two_positives_are_passed_over(tmp_path: Path) -> None:
    few = ("loss=info_nce", "data=digit_pairs", "data.limit=24")
    assert train_small(tmp_path / "few", *few, "data.batch_size=4")["train/loss"] > 0
    with pytest.raises(UserError, match="No batch of the epoch holds two pairs"):
        train_small(tmp_path / "none", *few, "data.batch_size=2", "trainer.limit_train_batches=1", "seed=0")


def test_a_batch_whose_targets_are_all_ignored_is_told_when_its_count_is_read() -> None:
    """On a GPU nobody waits for the count of a batch; the loss is nan by then, and the reason is still known."""
    from lossbook.config.check import check
    from lossbook.config.resolve import plain
    from lossbook.losses.result import LossResult
    from lossbook.tasks.step import Step
    from lossbook.training.assemble import assemble
    from lossbook.trust import OWN_CONFIG

    values = plain(lossbook.compose("loss=nll", "data.limit=32"))
    module = assemble(values, check(values), OWN_CONFIG).module
    scores, target = torch.randn(2, 10), torch.tensor([1, 2])
    nothing = Step.of(LossResult(torch.tensor(torch.nan), torch.tensor(0), scores, target))
    for stage, read in (("train", module._log_window), ("val", lambda: module._log_epoch("val"))):
        meter = module.meter(stage)  # type: ignore[arg-type]
        meter.add(
            Step.of(LossResult(torch.tensor(0.0), 0, scores, target))
        )  # no pair in a batch: nothing is wrong with that
        assert meter.window() == 0
        assert not meter.met_nothing
        meter.add(nothing)
        with pytest.raises(UserError, match="Every target of a batch is ignored"):
            read()
        meter.reset()
        assert not meter.met_nothing
    meter = module.train_meter
    meter.add(Step.of(LossResult(torch.tensor(torch.nan), torch.tensor(2), scores, target)))  # nan for another reason
    meter.flush()
    assert not meter.met_nothing
