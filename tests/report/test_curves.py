from __future__ import annotations

import logging
import math
import statistics
from collections.abc import Callable
from pathlib import Path

import pytest

from lossbook.report.curves import BoardCurves, board_curves, read
from lossbook.report.leaderboard import boards
from lossbook.report.runs import find_runs
from lossbook.report.settings import varied

Write = Callable[..., Path]
TAG = "val/acc"


def curves_of(folder: Path) -> BoardCurves:
    runs, _ = find_runs([folder])
    ((board,), _) = boards(runs, varied(runs))
    return board_curves(board)


def rounded(line: dict[int, float]) -> dict[int, float]:
    return {step: round(value, 4) for step, value in line.items()}  # event files hold single precision


def test_points_come_from_event_files_wherever_they_lie(tmp_path: Path, events: Callable[..., None]) -> None:
    events(tmp_path, {TAG: {9: 0.1}, "val/loss": {9: 2.0}})
    events(tmp_path / "loss=mse,seed=0", {TAG: {19: 0.3}})
    events(tmp_path / "checkpoints", {TAG: {29: 0.9}})
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "metrics.json").write_text("{}")  # another run
    events(tmp_path / "other", {TAG: {39: 0.9}})
    assert {tag: rounded(line) for tag, line in read(tmp_path, [TAG, "none"]).items()} == {TAG: {9: 0.1, 19: 0.3}}


@pytest.mark.parametrize("purge", [20, None])
def test_a_resumed_run_has_several_files_and_the_later_value_counts(
    tmp_path: Path, events: Callable[..., None], purge: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)  # as a command does
    events(tmp_path, {TAG: {9: 0.1, 19: 0.2, 29: 0.3}}, suffix=".a")
    events(tmp_path, {TAG: {29: 0.5, 39: 0.6}}, purge=purge, suffix=".b")
    assert rounded(read(tmp_path, [TAG])[TAG]) == {9: 0.1, 19: 0.2, 29: 0.5, 39: 0.6}
    assert not caplog.messages  # TensorBoard takes it for a fault
    logging.getLogger("tensorboard").warning("another")
    assert caplog.messages == ["another"]


def test_what_the_resumed_run_did_not_reach_again_is_forgotten(tmp_path: Path, events: Callable[..., None]) -> None:
    events(tmp_path, {TAG: {9: 0.1, 19: 0.2, 29: 0.3}}, suffix=".a")
    events(tmp_path, {TAG: {24: 0.5}}, purge=20, suffix=".b")
    assert rounded(read(tmp_path, [TAG])[TAG]) == {9: 0.1, 19: 0.2, 24: 0.5}


def test_no_points_and_broken_files(tmp_path: Path, events: Callable[..., None]) -> None:
    assert read(tmp_path / "nowhere", [TAG]) == {}
    assert read(tmp_path, [TAG]) == {}
    (tmp_path / "events.out.tfevents.0.x").write_bytes(b"no events at all, but some bytes")
    assert read(tmp_path, [TAG]) == {}
    events(tmp_path, {TAG: {0: math.nan, 1: math.inf, 2: 0.25}})
    assert read(tmp_path, [TAG]) == {TAG: {2: 0.25}}
    (cut,) = (path for path in tmp_path.iterdir() if path.stat().st_size > 100)
    cut.write_bytes(cut.read_bytes()[:-3])  # a run that was killed while it wrote
    assert read(tmp_path, [TAG]) == {}


def test_csv_files_do_where_there_are_no_events(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("step,epoch,val/acc,val/loss\n9,0,0.5,\n19,1,,1.0\n29,2,0.75,nan\n")
    assert read(tmp_path, [TAG, "val/loss"]) == {TAG: {9: 0.5, 29: 0.75}, "val/loss": {19: 1.0}}


def test_mean_and_band_over_seeds(tmp_path: Path, run: Write) -> None:
    three = [[0.1, 0.5], [0.2, 0.7], [0.3, 0.75]]
    for seed, line in enumerate(three):
        run(tmp_path / str(seed), line[-1], seed=seed, curve={TAG: line})
    for seed, line in enumerate([[0.0, 0.25], [0.5, 0.5, 0.5]]):
        run(tmp_path / f"sgd{seed}", line[1], seed=seed, optim="sgd", curve={TAG: line})
    found = curves_of(tmp_path)
    assert (found.axis, found.without) == ("epoch", 0)
    first, second = found.drawn
    assert first.at == second.at == (1, 2)  # where all seeds have a point
    for place in (0, 1):
        values = [line[place] for line in three]
        mean, off = statistics.mean(values), statistics.stdev(values)
        assert first.mean[place] == pytest.approx(mean, abs=1e-6)
        assert (first.low[place], first.high[place]) == pytest.approx((mean - off, mean + off), abs=1e-6)
    assert (second.mean, second.low, second.high) == ((0.25, 0.375), (0, 0.25), (0.5, 0.5))


def test_runs_that_were_broken_off_are_apart_and_runs_without_curves_counted(tmp_path: Path, run: Write) -> None:
    run(tmp_path / "0", 0.5, curve={TAG: [0.25, 0.5]})
    run(tmp_path / "1", None, seed=1, status="failed", curve={TAG: [0.125]}, steps=17, epochs=1)
    run(tmp_path / "2", None, optim="sgd", status="failed", curve={TAG: [0.125, 0.25]})
    run(tmp_path / "3", 0.1, optim="muon")
    first, second = (found := curves_of(tmp_path)).drawn
    assert (first.mean, first.broken) == ((0.25, 0.5), (((1,), (0.125,)),))
    assert (second.at, second.broken) == ((), (((1, 2), (0.125, 0.25)),))
    assert found.without == 1


@pytest.mark.parametrize("record", [{"steps": 53}, {"steps": None}, {"epochs": 0}])
def test_steps_are_the_axis_where_epochs_are_not_whole(tmp_path: Path, run: Write, record: dict) -> None:
    run(tmp_path, 0.5, curve={TAG: [0.25, 0.5]}, **record)
    found = curves_of(tmp_path)
    assert (found.axis, found.drawn[0].at) == ("step", (9, 19))


def test_epochs_of_another_number_of_steps_share_the_axis(tmp_path: Path, run: Write) -> None:
    run(tmp_path / "0", 0.5, curve={TAG: [0.25, 0.5]})
    run(tmp_path / "1", 0.25, optim="sgd", curve={TAG: [0.25, 0.25]}, steps=25)
    first, second = curves_of(tmp_path).drawn
    assert (first.at, second.at) == ((1, 2), (2, 4))


def test_a_run_that_was_broken_off_has_epochs_of_its_own(
    tmp_path: Path, run: Write, events: Callable[..., None]
) -> None:
    run(tmp_path / "0", 0.5, curve={TAG: [0.25, 0.5]})
    line = {"val/acc": {step: 0.1 * step for step in range(4)}}  # a step an epoch
    run(tmp_path / "1", None, optim="lbfgs", status="failed")
    events(tmp_path / "1", line)
    _, second = curves_of(tmp_path).drawn
    assert second.broken[0][0] == (1, 2, 3, 4)


@pytest.mark.parametrize(
    ("trainer", "axis"),
    [
        ({"check_val_every_n_epoch": 1, "val_check_interval": None}, "epoch"),
        ({"val_check_interval": 1.0}, "epoch"),
        ({"val_check_interval": 1}, "step"),  # every batch
        ({"val_check_interval": 0.5}, "step"),
        ({"check_val_every_n_epoch": 2}, "step"),
        ({"check_val_every_n_epoch": None}, "step"),
    ],
)
def test_the_first_point_ends_an_epoch_only_where_each_was_validated(
    tmp_path: Path, run: Write, trainer: dict, axis: str
) -> None:
    run(tmp_path, None, status="failed", curve={TAG: [0.25, 0.5]}, values={"trainer": trainer})
    assert curves_of(tmp_path).axis == axis


def test_one_point_is_no_curve(tmp_path: Path, run: Write) -> None:
    run(tmp_path / "0", curve={TAG: [0.5]})
    assert not curves_of(tmp_path).moving
    run(tmp_path / "1", None, status="failed", seed=1, curve={TAG: [0.5, 0.6]})
    assert curves_of(tmp_path).moving


def test_the_tenth_version_is_later_than_the_second(tmp_path: Path, events: Callable[..., None]) -> None:
    for version in (2, 10):
        events(tmp_path / f"version_{version}", {TAG: {9: version / 10}})
    assert rounded(read(tmp_path, [TAG])[TAG]) == {9: 1.0}
