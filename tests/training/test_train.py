"""A run from its config to its folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import lossbook
from lossbook.errors import Pruned, UserError
from lossbook.training.train import _lost_process

SHORT = ("data.limit=96", "data.batch_size=32", "trainer=cpu", "trainer.max_epochs=2")


def train(folder: Path, *overrides: str) -> dict[str, Any]:
    return lossbook.train(lossbook.compose(*SHORT, *overrides), folder)


def scalars(folder: Path) -> dict[str, list[Any]]:
    events = EventAccumulator(str(folder)).Reload()
    return {tag: events.Scalars(tag) for tag in events.Tags()["scalars"]}


def test_the_folder_holds_config_checkpoints_curves_and_metrics(tmp_path: Path) -> None:
    metrics = train(tmp_path, "loss=nll")
    config = yaml.safe_load((tmp_path / "config.yaml").read_text())
    assert config["choices"]["loss"] == "nll"
    assert "loss=nll" in config["overrides"]
    assert config["data"]["source"]["seed"] == 0  # resolved
    record = json.loads((tmp_path / "metrics.json").read_text())
    assert record["primary"] == "val/acc"
    assert record["mode"] == "max"
    assert record["epochs"] == 2
    assert record["wall_time_s"] > 0
    assert record["metrics"] == metrics
    for name in ("best", "last"):
        checkpoint = torch.load(tmp_path / "checkpoints" / f"{name}.ckpt", weights_only=True)
        assert checkpoint["lossbook"]["config"]["choices"]["loss"] == "nll"


def test_tags_are_those_that_users_rely_on(tmp_path: Path) -> None:
    train(tmp_path, "loss=cross_entropy")
    curves = scalars(tmp_path)
    assert {"train/loss", "val/loss", "train/acc", "val/acc", "train/loss_step"} <= curves.keys()
    assert [event.step for event in curves["train/loss"]] == [event.step for event in curves["val/loss"]]
    assert len(curves["val/acc"]) == 2


def test_embedding_losses_watch_the_nearest_neighbour_in_the_training_part(tmp_path: Path) -> None:
    metrics = train(tmp_path, "loss=triplet_margin")
    assert 0 <= metrics["val/recall_at_1"] <= 1
    assert json.loads((tmp_path / "metrics.json").read_text())["primary"] == "val/recall_at_1"


FEATURES = {
    "ema": ["callbacks=ema"],
    "accumulation": ["trainer.accumulate_grad_batches=2"],
    "frozen": ["param_groups.rules=[{part: backbone, freeze: true, until_epoch: 1}]"],
    "validation": ["trainer.val_check_interval=0.5"],
}


@pytest.mark.parametrize("names", [*((name,) for name in FEATURES), tuple(FEATURES)])
def test_killed_within_an_epoch_and_resumed_the_record_is_that_of_an_undisturbed_run(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    class Copy(L.Callback):
        """What a kill would leave within the second epoch, before the validation amid it."""

        def on_train_batch_start(self, trainer: L.Trainer, module: L.LightningModule, batch: Any, index: int) -> None:
            if trainer.current_epoch == 1 and index == 5:
                shutil.copytree(tmp_path / "whole" / "checkpoints", tmp_path / "killed" / "checkpoints")

    options = [option for name in names for option in FEATURES[name]]
    if "validation" in names:  # the best epoch is the one amid which the run ends, and the last metrics are its own
        options.append(f"trainer.max_steps={10 if 'accumulation' in names else 20}")
    short = ("data.limit=96", "data.batch_size=8", "trainer=cpu", "callbacks.checkpoints.every_n_steps=2")
    config = lossbook.compose(*short, "trainer.max_epochs=2", *options)
    expected = lossbook.train(config, tmp_path / "whole", callbacks=[Copy()])
    assert {"train/loss", "train/acc"} <= expected.keys()
    ckpt = tmp_path / "killed" / "checkpoints" / "last.ckpt"
    checkpoint = torch.load(ckpt, weights_only=True)
    assert checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]["current"]["processed"] == 4
    for folder in ("elsewhere", "killed"):
        assert lossbook.train(lossbook.compose(f"ckpt={ckpt}"), tmp_path / folder) == expected
    records = [json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("whole", "killed", "elsewhere")]
    for key in ("metrics", "best_epoch", "epochs", "steps", "status"):
        assert [record[key] for record in records] == [records[0][key]] * 3


def test_values_are_reported_in_original_units(tmp_path: Path) -> None:
    metrics = train(tmp_path, "loss=mse", "data.limit=null")
    assert 20 < metrics["test/mae"] < 200  # of a score with mean 152 and deviation 77


def test_an_epochs_loss_is_that_of_the_whole_part(tmp_path: Path) -> None:
    """Uneven batches and class weights: the logged loss equals the criterion on the whole validation part at once."""
    from lossbook.checkpoints.read import read
    from lossbook.config.check import check
    from lossbook.config.resolve import plain
    from lossbook.training.assemble import assemble
    from lossbook.trust import OWN_CONFIG

    config = lossbook.compose(
        *SHORT, "loss=cross_entropy", "data.limit=null", "data.batch_size=50", "loss.criterion.weight=auto"
    )
    metrics = lossbook.train(config, tmp_path)
    assembly = assemble(plain(config), check(plain(config)), OWN_CONFIG)
    assembly.module.load_state_dict(read(tmp_path / "checkpoints" / "best.ckpt")["state_dict"])
    part = assembly.data.preparing.plain(dict(assembly.data.part("val")))
    with torch.no_grad():
        output = assembly.module.eval().model(part["input"])
    counts = torch.tensor(assembly.data.schema.class_counts).float()
    weight = counts.sum() / (10 * counts)
    expected = torch.nn.functional.cross_entropy(output, part["target"], weight=weight)
    assert metrics["val/loss"] == pytest.approx(float(expected), rel=1e-5)


def test_without_reduction_it_trains_and_keeps_a_histogram(tmp_path: Path) -> None:
    mean = train(tmp_path / "mean", "loss=nll")
    none = train(tmp_path / "none", "loss=nll", "loss.criterion.reduction=none")
    assert none["val/loss"] == pytest.approx(mean["val/loss"], rel=1e-4)
    events = EventAccumulator(str(tmp_path / "none")).Reload()
    assert "train/losses" in events.Tags()["histograms"]


def test_the_same_seed_gives_the_same_metrics_and_another_one_others(tmp_path: Path) -> None:
    first, again = (train(tmp_path / name, "seed=0") for name in "ab")
    other = train(tmp_path / "c", "seed=1")
    assert first == again
    assert first["train/loss"] != other["train/loss"]


def test_a_refused_run_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="2 values"):
        lossbook.train(lossbook.compose("loss.criterion.weight=[1,2]", "trainer=cpu"))
    assert list(tmp_path.iterdir()) == []


def test_a_loss_that_is_not_finite_ends_the_run_and_the_checkpoint_stays(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"step \d+ .*\n.*largest gradient") as error:
        train(tmp_path, "loss=mse", "optim=sgd", "optim.lr=1e4", "trainer.max_epochs=50")
    assert "optim.lr" in str(error.value)
    record = json.loads((tmp_path / "metrics.json").read_text())
    assert record["status"] == "failed"


def test_weights_that_a_step_broke_are_not_saved(tmp_path: Path) -> None:
    """The loss would show it a step later, and a checkpoint be written in between."""

    class Break(L.Callback):
        def on_before_optimizer_step(self, trainer: Any, pl_module: L.LightningModule, optimizer: Any) -> None:
            for parameter in pl_module.parameters():
                assert parameter.grad is not None
                parameter.grad.fill_(float("inf"))

    config = lossbook.compose(*SHORT, "optim=sgd", "data.batch_size=all", "scheduler=none")
    with pytest.raises(UserError, match=r"not finite at step 1 \(epoch 0\)") as error:
        lossbook.train(config, tmp_path, callbacks=[Break()])
    assert "no parameter" not in str(error.value)
    assert not list(tmp_path.rglob("*.ckpt"))
    assert "NaN" not in (tmp_path / "metrics.json").read_text()


def test_a_lost_connection_is_the_fault_lost_process() -> None:
    lost = RuntimeError("[/gloo/transport/tcp/pair.cc:547] Connection closed by peer [127.0.0.1]:1234")
    assert "Another process" in str(_lost_process(lost, 2))
    assert _lost_process(lost, 1) is None
    assert _lost_process(RuntimeError("mat1 and mat2"), 2) is None
    assert _lost_process(KeyboardInterrupt("closed by peer"), 2) is None


def test_several_loggers_at_once(tmp_path: Path) -> None:
    train(tmp_path, "logger=[tensorboard,csv]")
    assert (tmp_path / "metrics.csv").is_file()
    assert list(tmp_path.glob("events.out.tfevents.*"))


def test_the_record_tells_the_memory_and_no_gpu_on_a_processor(tmp_path: Path) -> None:
    train(tmp_path)
    record = json.loads((tmp_path / "metrics.json").read_text())
    assert record["memory_mb"] > 100
    assert "gpu_memory_mb" not in record


class Prune(L.Callback):
    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.current_epoch == 1:
            raise Pruned("hopeless")


@pytest.mark.parametrize("callbacks", ["default", "none"])
def test_a_pruned_run_keeps_its_best_metrics(callbacks: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    config = lossbook.compose(*SHORT, f"callbacks={callbacks}")
    with pytest.raises(Pruned, match="hopeless"):
        lossbook.train(config, tmp_path, callbacks=[Prune()])
    record = json.loads((tmp_path / "metrics.json").read_text())
    assert (record["status"], record["message"], record["epochs"]) == ("pruned", "hopeless", 1)
    assert {"train/loss", "val/loss", "val/acc"} <= record["metrics"].keys()
    output = capfd.readouterr()
    assert "hopeless" not in output.out + output.err
    assert "go on" not in output.out


def test_a_name_that_no_folder_can_have_is_replaced(tmp_path: Path) -> None:
    lossbook.train(lossbook.compose(*SHORT, "trainer.max_epochs=1"), tmp_path, name="data.root=../up")
    (events,) = tmp_path.rglob("events.*.outcome")
    assert events.parent.parent == tmp_path


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["loss=ctc", "data=digits"], ["ctc", "digits", "data=digit_lines"]),
        (["loss=triplet_margin", "loss.criterion.margin=0"], ["margin=0", "margin=1.0"]),
        (["loss=info_nce", "loss.criterion.temperature=0"], ["temperature=0", "temperature=0.2"]),
        (["loss=info_nce", "data.batch_size=1"], ["data.batch_size=1", "batch_size=2"]),
        (["loss=poisson_nll", "loss.criterion.log_input=false"], ["activation=none", "softplus"]),
        (["loss=cross_entropy", "loss.activation=softmax"], ["activation=softmax", "activation=none"]),
        (["loss=nll", "model.embedding_dim=8"], ["embedding_dim=8", "embedding_dim=null"]),
        (["loss=nll", "model=unet"], ["unet", "model=cnn"]),
        (["loss=nll", "data=diabetes", "loss.activation=none"], ["diabetes", "activation=none"]),  # two at once
    ],
)
def test_what_does_not_fit_is_refused_with_the_fix(overrides: list[str], said: list[str], tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        train(tmp_path / "run", *overrides)
    text = str(error.value)
    assert all(part in text for part in said), text
    assert not (tmp_path / "run").exists()
