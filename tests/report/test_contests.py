from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lossbook.report.contests import contests, place_of, titles
from lossbook.report.runs import Run, find_runs

Write = Callable[..., Path]


def grouped(folder: Path) -> tuple[dict[str, list[str]], list[Run]]:
    runs, _ = find_runs([folder])
    found, unplaced = contests(runs)
    return dict(
        zip(titles(list(found)), [[run.name for run in members] for members in found.values()], strict=True)
    ), unplaced


def test_only_the_same_metric_on_the_same_data_is_compared(tmp_path: Path, run: Write) -> None:
    run(tmp_path / "a")
    run(tmp_path / "b", values={"data.batch_size": "all", "data.epochs": 3, "data.augment": ["x"]})  # of training
    run(tmp_path / "c", values={"data.limit": 100})
    run(tmp_path / "d", values={"data.seed": 1, "data.source.seed": 1})
    run(tmp_path / "e", primary="val/f1")
    run(tmp_path / "f", choices={"data": "mnist"})
    run(tmp_path / "g", mode="min")
    found, unplaced = grouped(tmp_path)
    assert not unplaced
    assert sorted(found.values()) == [["a", "b"], ["c"], ["d"], ["e"], ["f"], ["g"]]
    assert found["val/acc on digits (data.limit=100, data.seed=0, max)"] == ["c"]
    assert found["val/f1 on digits"] == ["e"]
    assert found["val/acc on mnist"] == ["f"]


def test_a_run_that_died_early_belongs_to_its_kin(tmp_path: Path, run: Write, sweep: Callable[..., None]) -> None:
    lines = ["loss=mse seed=0", "loss=mse seed=1", "loss=ctc seed=0", "loss=ctc seed=1", "loss=l1 seed=0"]
    sweep(tmp_path, [(line, None) for line in lines], ["loss"])
    run(tmp_path / "0", loss="mse")
    run(tmp_path / "2", loss="ctc", choices={"data": "digit_lines"})
    for number in (1, 3, 4):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "metrics.json").write_text(json.dumps({"status": "failed", "primary": None}))
    found, unplaced = grouped(tmp_path)
    assert sorted(found.values()) == [["loss=ctc,seed=0", "loss=ctc,seed=1"], ["loss=mse,seed=0", "loss=mse,seed=1"]]
    assert [one.name for one in unplaced] == ["loss=l1,seed=0"]


def test_nothing_is_guessed_where_two_contests_would_do(tmp_path: Path, run: Write) -> None:
    run(tmp_path / "a", loss="mse")
    run(tmp_path / "b", loss="mse", choices={"data": "mnist"})
    runs, _ = find_runs([tmp_path])
    found, _ = contests(runs)
    assert place_of(Run(Path(), "", overrides=("loss=mse",)), found) is None
    where = place_of(Run(Path(), "", overrides=("loss=mse", "data=mnist", "data.batch_size=7")), found)
    assert where is not None
    assert where.data == "mnist"
    assert place_of(Run(Path(), "", overrides=("loss=mse", "data=mnist", "data.limit=7")), found) is None


def test_old_records_without_a_direction_take_it_from_others(tmp_path: Path, run: Write) -> None:
    run(tmp_path / "a")
    for name, primary in (("b", "val/acc"), ("c", "val/novel")):
        path = run(tmp_path / name, loss=name, primary=primary) / "metrics.json"
        record = json.loads(path.read_text())
        del record["mode"]
        path.write_text(json.dumps(record))
    found, unplaced = grouped(tmp_path)
    assert list(found.values()) == [["a", "b"]]
    assert [one.name for one in unplaced] == ["c"]


def test_a_part_of_the_validation_part_is_other_data(tmp_path: Path, run: Write) -> None:
    run(tmp_path / "a", values={"trainer.limit_val_batches": None, "trainer.max_epochs": 1})
    run(tmp_path / "b", values={"trainer.limit_val_batches": 1, "trainer.max_epochs": 2})
    found, _ = grouped(tmp_path)
    part = "data.batch_size=64, trainer.limit_val_batches=1"
    assert found == {"val/acc on digits": ["a"], f"val/acc on digits ({part})": ["b"]}


def test_losses_compare_only_with_themselves(tmp_path: Path, run: Write) -> None:
    for name, criterion in (("a", "L1Loss"), ("b", "MSELoss"), ("c", "MSELoss")):
        run(tmp_path / name, primary="val/loss", mode="min", values={"loss.criterion": {"_target_": criterion}})
    found, _ = grouped(tmp_path)
    assert sorted(found.values()) == [["a"], ["b", "c"]]


def test_all_of_the_validation_part_is_written_in_many_ways(tmp_path: Path, run: Write) -> None:
    ways = [{}, {"trainer.limit_val_batches": None}, {"trainer.limit_val_batches": 1.0},
            {"trainer.overfit_batches": 0.0}, {"trainer.fast_dev_run": False}]  # fmt: skip
    for at, values in enumerate(ways):
        run(tmp_path / str(at), values=values)
    run(tmp_path / "half", values={"trainer.limit_val_batches": 0.5})
    found, _ = grouped(tmp_path)
    assert sorted(map(len, found.values())) == [1, 5]


def test_where_batches_are_counted_their_size_says_which_samples_there_are(
    tmp_path: Path, run: Write, sweep: Callable[..., None]
) -> None:
    first = {"trainer.limit_val_batches": 1}
    run(tmp_path / "a", values={"data.batch_size": 16})
    run(tmp_path / "b", values={"data.batch_size": 32})
    run(tmp_path / "c", values={"data.batch_size": 16, **first}, loss="mse")
    run(tmp_path / "d", values={"data.batch_size": 32, **first}, loss="mse")
    runs, _ = find_runs([tmp_path])
    found, _ = contests(runs)
    assert sorted([run.name for run in members] for members in found.values()) == [["a", "b"], ["c"], ["d"]]
    assert place_of(Run(Path(), "", overrides=("loss=mse",)), found) is None
    where = place_of(Run(Path(), "", overrides=("loss=mse", "data.batch_size=32")), found)
    assert where is not None
    assert ("data.batch_size", "32") in where.details
    assert place_of(Run(Path(), "", overrides=("loss=cross_entropy", "data.batch_size=7")), found) is not None


@pytest.mark.parametrize(("primary", "apart"), [("val/top1", True), ("val/loss", True), ("val/recall_at_1", False)])
def test_two_views_find_each_other_among_those_of_their_batch(
    tmp_path: Path, run: Write, primary: str, apart: bool
) -> None:
    for size in (16, 64):
        for inputs in ("views", "single"):
            values = {"data.batch_size": size, "loss.inputs": inputs}
            run(tmp_path / f"{inputs}{size}", primary=primary, values=values, choices={"data": inputs})
    found, _ = grouped(tmp_path)
    views = [["views16"], ["views64"]] if apart else [["views16", "views64"]]
    assert sorted(found.values()) == [["single16", "single64"], *views]


def content(mark: str | None) -> dict[str, str | None]:
    return {"name": "digits", "fingerprint": mark}


def test_runs_on_data_that_was_changed_between_them_are_not_ranked_together(tmp_path: Path, run: Write) -> None:
    for name, mark in (("a", "1" * 16), ("b", "1" * 16), ("c", "2" * 16), ("d", None)):
        run(tmp_path / name, data=content(mark))
    found, unplaced = grouped(tmp_path)
    assert not unplaced
    assert found == {
        "val/acc on digits (data.fingerprint=11111111)": ["a", "b"],
        "val/acc on digits (data.fingerprint=22222222)": ["c"],
        "val/acc on digits (data.fingerprint=unknown)": ["d"],
    }


def test_a_run_that_does_not_say_what_its_data_held_is_ranked_with_the_others(tmp_path: Path, run: Write) -> None:
    for name, record in (("a", content("1" * 16)), ("b", content(None)), ("c", None), ("d", "digits")):
        run(tmp_path / name, data=record)
    assert grouped(tmp_path)[0] == {"val/acc on digits": ["a", "b", "c", "d"]}


def test_a_run_that_died_early_belongs_to_its_kin_whatever_their_data_held(tmp_path: Path, run: Write) -> None:
    run(tmp_path / "a", data=content("1" * 16))
    run(tmp_path / "b", status="failed", primary=None, mode=None, data=None)
    assert grouped(tmp_path)[0] == {"val/acc on digits": ["a", "b"]}
