"""A row of TensorBoard's tab HPARAMS."""

from __future__ import annotations

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.metadata import (
    SESSION_END_INFO_TAG,
    SESSION_START_INFO_TAG,
    parse_session_end_info_plugin_data,
    parse_session_start_info_plugin_data,
)

import lossbook
from lossbook.config.resolve import plain
from lossbook.errors import UserError
from lossbook.training.hparams import columns, final

SHORT = ("data.limit=48", "data.batch_size=24", "trainer=cpu", "trainer.max_epochs=1", "loss=nll")


def row(folder: Path) -> dict[str, float | bool | str]:
    events = EventAccumulator(str(folder)).Reload()
    start = parse_session_start_info_plugin_data(events.SummaryMetadata(SESSION_START_INFO_TAG).plugin_data.content)
    assert start.group_name == ""  # the row is named as the run is
    return {name: getattr(value, value.WhichOneof("kind")) for name, value in start.hparams.items()}


def succeeded(folder: Path) -> bool:
    events = EventAccumulator(str(folder)).Reload()
    content = events.SummaryMetadata(SESSION_END_INFO_TAG).plugin_data.content
    return bool(parse_session_end_info_plugin_data(content).status == 1)


def test_columns_are_flat_and_named_as_on_the_command_line() -> None:
    given = ("loss=mse", "optim=sgd", "optim.nesterov=true", "optim.momentum=0.9", "model.dropout=0.25", "seed=3")
    found = columns(plain(lossbook.compose(*given)))
    assert found == {
        "loss": "mse",
        "optim": "sgd",
        "data": "diabetes",
        "model": "mlp",
        "scheduler": "cosine",
        "param_groups": "no_decay",
        "seed": 3.0,
        "data.batch_size": found["data.batch_size"],
        "trainer.max_epochs": found["trainer.max_epochs"],
        "trainer.precision": "32-true",
        "optim.lr": 0.05,
        "optim.momentum": 0.9,
        "optim.dampening": 0.0,
        "optim.weight_decay": found["optim.weight_decay"],
        "optim.nesterov": True,
        "model.dropout": 0.25,
    }
    assert type(found["optim.nesterov"]) is bool
    assert type(found["seed"]) is float


def test_lists_are_texts_and_what_is_null_or_ours_has_no_column() -> None:
    found = columns(
        plain(lossbook.compose("optim.betas=[0.8,0.99]", "trainer=cpu", "data.limit=null", "scheduler=none"))
    )
    assert found["optim.betas"] == "[0.8,0.99]"
    assert found["trainer"] == "cpu"
    assert found["scheduler"] == "none"
    assert not {"data.limit", "ckpt", "overrides"} & found.keys()


def test_the_watched_metric_is_that_of_the_best_epoch() -> None:
    assert final({"val/loss": 1.0, "val/f1": 0.4, "test/f1": 0.6}, "val/f1") == {"best/f1": 0.4}
    assert final({}, "val/f1") == {}


def test_a_run_has_a_row_beside_its_curves(tmp_path: Path) -> None:
    metrics = lossbook.train(lossbook.compose(*SHORT), tmp_path, name="loss=nll,seed=0")
    folder = tmp_path / "loss=nll,seed=0"
    found = row(folder)
    assert (found["loss"], found["status"], succeeded(folder)) == ("nll", "completed", True)
    events = EventAccumulator(str(folder)).Reload()
    assert [point.value for point in events.Scalars("best/acc")] == pytest.approx([metrics["val/acc"]])
    assert not list(tmp_path.glob("events.*"))


def test_a_run_that_failed_and_one_within_its_first_epoch_have_rows(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        lossbook.train(lossbook.compose(*SHORT, "optim=sgd", "optim.lr=1e4", "trainer.max_epochs=20"), tmp_path / "a")
    assert (row(tmp_path / "a")["status"], succeeded(tmp_path / "a")) == ("failed", False)
    lossbook.train(lossbook.compose(*SHORT, "trainer.max_steps=1"), tmp_path / "b")
    assert row(tmp_path / "b")["status"] == "completed"
