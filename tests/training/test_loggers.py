"""Curves land in the run's folder itself, under the names that they were logged by."""

from __future__ import annotations

import csv
import errno
import shutil
import threading
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2

from lossbook.errors import UserError
from lossbook.training.curves import CurveState
from lossbook.training.loggers import CSV, TensorBoard, quiet_writers

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


def test_events_lie_in_a_folder_of_the_runs_name(tmp_path: Path) -> None:
    logger = TensorBoard(tmp_path, name="loss=mse,seed=0")
    logger.log_metrics({"val/loss": 0.5}, step=7)
    logger.close()
    assert read_events(tmp_path / "loss=mse,seed=0").Tags()["scalars"] == ["val/loss"]
    assert [path.name for path in tmp_path.iterdir()] == ["loss=mse,seed=0"]


def test_one_file_and_no_thread_are_left_when_it_is_closed(tmp_path: Path) -> None:
    threads = threading.active_count()
    logger = TensorBoard(tmp_path)
    for step in (0, 1):
        logger.log_metrics({"val/loss": 0.5}, step)
        logger.finalize("success")
    logger.close()
    assert threading.active_count() == threads
    assert len(list(tmp_path.iterdir())) == 1
    TensorBoard(tmp_path / "never used").close()
    assert not (tmp_path / "never used").exists()


def test_curves_go_on_where_the_checkpoint_left_them(tmp_path: Path) -> None:
    for kind in (TensorBoard, CSV):
        first = kind(tmp_path)
        for step in range(6):
            first.log_metrics({"lr": float(step)}, step)
        first.finalize("failed")
    again = CurveState(2, ((2, {"lr": 2.5}), (3, {"lr": 3.5, "val/loss": 1.0})))
    for kind in (TensorBoard, CSV):
        second = kind(tmp_path, curves=again)
        assert second.experiment is not None
        second.log_metrics({"lr": 9.0}, 3)
        second.finalize("success")
    points = [(point.step, point.value) for point in read_events(tmp_path).Scalars("lr")]
    assert points == [(0, 0.0), (1, 1.0), (2, 2.5), (3, 3.5), (3, 9.0)]
    assert (tmp_path / "metrics.csv").read_text().splitlines() == [
        "step,epoch,lr,val/loss",
        "0,,0.0,",
        "1,,1.0,",
        "2,,2.5,",
        "3,,9.0,1.0",
    ]


@pytest.mark.parametrize("rest", ["", "7", "7,", "7,0,0.", "seven,0,1.0"])
def test_a_table_that_was_cut_short_is_gone_on_with(rest: str, tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("step,epoch,lr\n1,,0.1\n" + rest)
    logger = CSV(tmp_path, CurveState(5, ((5, {"lr": 0.5}),)))
    logger.log_metrics({"lr": 0.6}, 6)
    logger.finalize("success")
    assert (tmp_path / "metrics.csv").read_text().splitlines() == ["step,epoch,lr", "1,,0.1", "5,,0.5", "6,,0.6"]


def test_an_earlier_attempts_outcome_is_taken_away(tmp_path: Path) -> None:
    first = TensorBoard(tmp_path)
    first.log_outcome({"loss": "mse"}, {"best/loss": 2.0}, "failed")
    second = TensorBoard(tmp_path, curves=CurveState(0))
    second.log_metrics({"val/loss": 1.0}, 0)
    second.log_outcome({"loss": "mse"}, {"best/loss": 1.0}, "completed")
    second.close()
    assert len(list(tmp_path.glob("*.outcome"))) == 1
    assert [point.value for point in read_events(tmp_path).Scalars("best/loss")] == [1.0]


def test_a_disk_that_is_full_is_raised_at_the_next_point_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    logger = TensorBoard(tmp_path)
    with quiet_writers():
        logger.log_metrics({"loss": 1.0}, 1)
        monkeypatch.setattr("tensorboard.compat.tensorflow_stub.io.gfile.LocalFileSystem._write", full)
        logger.log_metrics({"loss": 1.0}, 2)
        with pytest.raises(OSError, match="No space left"):
            logger.save()
        with pytest.raises(OSError, match="No space left"):
            logger.log_outcome({}, {}, "failed")
        logger.close()
    assert "Traceback" not in capsys.readouterr().err
    assert not list(tmp_path.glob("*.outcome"))


def test_a_folder_that_is_gone_is_not_made_again(tmp_path: Path) -> None:
    logger = CSV(tmp_path / "run")
    logger.log_metrics({"loss": 1.0}, 1)
    logger.finalize("success")
    shutil.rmtree(tmp_path / "run")
    logger.log_metrics({"loss": 1.0}, 2)
    with pytest.raises(UserError, match="is gone"):
        logger.finalize("success")
    assert not (tmp_path / "run").exists()
