"""Curves land in the run's folder itself, under the names that they were logged by."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2

from lossbook.loggers import CSV, TensorBoard

LAYOUT = "custom_scalars__config__"


def read_events(folder: Path) -> EventAccumulator:
    events = EventAccumulator(str(folder))
    events.Reload()
    return events


def test_events_lie_in_the_folder_and_nothing_else_does(tmp_path: Path) -> None:
    logger = TensorBoard(tmp_path)
    logger.log_metrics({"train/loss": 0.5, "epoch": 0}, step=7)
    logger.save()
    logger.finalize("success")
    assert [path.name.startswith("events.out") for path in tmp_path.iterdir()] == [True]
    events = read_events(tmp_path)
    assert events.Tags()["scalars"] == ["train/loss"]
    assert [(point.step, point.value) for point in events.Scalars("train/loss")] == [(7, 0.5)]


def test_the_layout_puts_both_parts_into_one_chart(tmp_path: Path) -> None:
    logger = TensorBoard(tmp_path)
    logger.add_layout(["loss", "acc"])
    logger.finalize("success")
    layout = layout_pb2.Layout()
    layout.ParseFromString(read_events(tmp_path).Tensors(LAYOUT)[0].tensor_proto.string_val[0])
    charts = {chart.title: list(chart.multiline.tag) for chart in layout.category[0].chart}
    assert charts == {"loss": ["train/loss$", "val/loss$"], "acc": ["train/acc$", "val/acc$"]}


def test_csv_has_a_row_a_step_and_a_column_a_metric(tmp_path: Path) -> None:
    logger = CSV(tmp_path)
    logger.log_metrics({"train/loss_step": 2.0}, step=0)
    logger.log_metrics({"val/loss": 1.5, "epoch": 0}, step=3)
    logger.log_metrics({"train/loss": 1.0, "epoch": 0}, step=3)
    logger.log_metrics({"train/loss_step": 0.5}, step=4)
    logger.finalize("success")
    logger.finalize("success")  # once after training, once after the test
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.csv"]
    assert (tmp_path / "metrics.csv").read_text().splitlines() == [
        "step,epoch,train/loss_step,val/loss,train/loss",
        "0,,2.0,,",
        "3,0,,1.5,1.0",
        "4,,0.5,,",
    ]
    with (tmp_path / "metrics.csv").open() as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["0", "3", "4"]


@pytest.mark.parametrize("kind", [TensorBoard, CSV])
def test_both_can_be_used_together_in_one_folder(kind: type, tmp_path: Path) -> None:
    assert Path(kind(tmp_path).save_dir) == tmp_path
    assert kind(tmp_path).version == ""
