from __future__ import annotations

import json
import math
import os
import statistics
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossbook.report.leaderboard import Spread, boards, shown
from lossbook.report.runs import Run, find_runs
from lossbook.report.settings import varied

Write = Callable[..., Path]


def board_of(folder: Path) -> list:
    runs, _ = find_runs([folder])
    return boards(runs, varied(runs))[0]


@given(
    st.lists(
        st.tuples(st.sampled_from("abcd"), st.integers(0, 5), st.none() | st.floats(-1e3, 1e3, allow_nan=False)),
        unique_by=lambda one: one[:2],
        min_size=1,
    ),
    st.sampled_from(["max", "min"]),
)
def test_means_deviations_and_ranks_for_all_inputs(metrics: list[tuple[str, int, float | None]], mode: str) -> None:
    runs = [
        Run(
            Path(f"{name}{seed}"), f"{name}{seed}", status="completed", primary="val/x", mode=mode,
            config={"choices": {"loss": name, "data": "d"}, "seed": seed}, metrics={"val/x": value},
            overrides=(f"loss={name}",),
        )
        for name, seed, value in metrics
    ]  # fmt: skip
    ((board,), unplaced) = boards(runs, varied(runs))
    assert not unplaced
    expected = {
        name: [value for one, _, value in metrics if one == name and value is not None] for name, _, _ in metrics
    }
    assert len(board.rows) == len(expected)
    for row in board.rows:
        name = row.values[0] if board.keys else metrics[0][0]
        values = expected[name]
        assert len(row.runs) == len(values)
        assert len(row.runs) + len(row.lost) == sum(one == name for one, _, _ in metrics)
        assert (row.result.mean is None) == (not values)
        if values:
            assert row.result.mean == pytest.approx(statistics.mean(values), abs=1e-9)
        if len(values) > 1:
            assert row.result.deviation == pytest.approx(statistics.stdev(values), abs=1e-9)
        else:
            assert row.result.deviation is None
    means = [row.result.mean for row in board.ranked]
    worse = -1 if mode == "max" else 1
    assert all((b - a) * worse >= -1e-5 * max(abs(a), abs(b)) for a, b in pairwise(means))
    # every loss is another one here: equal means, of six digits, share a rank
    rounded = [float(f"{mean:.6g}") for mean in means]
    ranks = [1 + sum((other - mean) * worse < 0 for other in rounded) for mean in rounded]
    assert [row.rank for row in board.rows] == [*ranks, *[None] * (len(board.rows) - len(means))]


def test_equal_means_go_by_the_lower_loss(tmp_path: Path, run: Write) -> None:
    one, third = 0.9962825179100037, 0.9925650358200073  # 268 and 267 of 269 right, in single precision
    for name, metrics, losses in (
        ("a", (one, third), (0.2, 0.3)),
        ("b", (third, one), (0.1, 0.2)),
        ("c", (0.9, 0.9), (0, 0)),
    ):
        for seed in (0, 1):
            run(tmp_path / f"{name}{seed}", metrics[seed], optim=name, seed=seed, metrics={"val/loss": losses[seed]})
    (board,) = board_of(tmp_path)
    assert [row.label for row in board.rows] == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("inputs", "target", "ranks"),
    [("single", "class", [1, 2]), ("views", "class", [1, 1]), ("triplets", "class", [1, 1]), ("pairs", "pair", [1, 2])],
)
def test_a_loss_within_batches_of_another_size_decides_nothing(
    tmp_path: Path, run: Write, inputs: str, target: str, ranks: list[int]
) -> None:
    for size in (16, 64):
        values = {"data.batch_size": size, "data.target": target, "loss.inputs": inputs}
        named = {"overrides": [f"data.batch_size={size}"], "metrics": {"val/loss": size / 100}}
        run(tmp_path / str(size), values=values, **named)
    (board,) = board_of(tmp_path)
    assert [row.rank for row in board.rows] == ranks


def test_only_completed_runs_count_and_the_others_are_counted(tmp_path: Path, run: Write) -> None:
    for seed, status in enumerate(("completed", "failed", "pruned", "interrupted")):
        run(tmp_path / str(seed), 0.5 + seed / 10, seed=seed, status=status)
    run(tmp_path / "4", None, seed=4)
    (run(tmp_path / "5", seed=5) / "metrics.json").unlink()
    run(tmp_path / "6", None, optim="sgd", status="failed")
    (board,) = board_of(tmp_path)
    best, last = board.rows
    assert (best.result.mean, best.result.deviation, best.told_count, best.rank) == (0.5, None, "1 of 6", 1)
    assert best.ending == "failed, pruned, interrupted, no result, unfinished"
    assert (last.label, last.rank, last.told_count, str(last.result)) == ("sgd", None, "0 of 1", "")


def test_a_repeated_run_is_no_second_seed(tmp_path: Path, run: Write) -> None:
    for name, metric, status, when in (("a", 0.1, "completed", 1), ("b", 0.2, "completed", 3), ("c", 0.9, "failed", 4)):
        folder = run(tmp_path / name, metric, status=status)
        for file in folder.iterdir():
            os.utime(file, (when, when))
    run(tmp_path / "d", 0.4, seed=1)
    (board,) = board_of(tmp_path)
    assert sorted(board.rows[0].result.values) == [0.2, 0.4]
    assert (board.repeats, board.rows[0].told_count) == (2, "2")


def test_what_is_shared_within_a_board_is_no_setting_of_it(tmp_path: Path, run: Write) -> None:
    for number, (loss, data, optim) in enumerate(
        [("mse", "diabetes", "adam"), ("mse", "diabetes", "sgd"), ("ctc", "lines", "adam")]
    ):
        run(tmp_path / str(number), loss=loss, optim=optim, choices={"data": data})
    first, second = board_of(tmp_path)
    assert (first.title, first.keys, first.fixed) == ("val/acc on diabetes", ("optim",), (("loss", "mse"),))
    assert (second.keys, second.fixed) == ((), (("loss", "ctc"), ("optim", "adam")))
    assert second.rows[0].label == "ctc, adam"
    assert first.value(first.rows[0], "loss") == "mse"


def test_time_and_memory(tmp_path: Path, run: Write) -> None:
    run(tmp_path / "a", wall_time_s=1.0, memory_mb=500)
    run(tmp_path / "b", seed=1, wall_time_s=4.0, memory_mb=700.5)
    run(tmp_path / "c", optim="sgd", gpu_memory_mb=2000, memory_mb=900)
    (board,) = board_of(tmp_path)
    rows = {row.label: row for row in board.rows}
    assert (rows["adam"].wall, rows["adam"].memory, rows["sgd"].memory) == (2.5, 700.5, 900)
    assert (rows["adam"].gpu_memory, rows["sgd"].gpu_memory) == (None, 2000)


@pytest.mark.parametrize(
    ("value", "beside", "text"),
    [(0.99629, None, "0.9963"), (0, None, "0.0000"), (4.2e-5, None, "4.2e-05"), (123456.0, None, "1.23e+05"),
     (45.98501, None, "45.9850"), (0.00004, 0.9, "0.0000"), (3.0, 2e6, "3"), (-0.5, None, "-0.5000")],
)  # fmt: skip
def test_metrics_are_shown_in_four_decimals(value: float, beside: float | None, text: str) -> None:
    assert shown(value, beside) == text


def test_a_spread_of_nothing() -> None:
    assert (Spread(()).mean, Spread(()).deviation, str(Spread(()))) == (None, None, "")
    assert str(Spread((0.5, 0.7))) == f"0.6000 ± {math.sqrt(0.02):.4f}"


def test_broken_records_do_not_stop_the_others(tmp_path: Path, run: Write) -> None:
    run(tmp_path / "a")
    (run(tmp_path / "b", seed=1) / "metrics.json").write_text('{"status": "comp')
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "metrics.json").write_text(json.dumps({"metrics": {"val/acc": 1}}))
    runs, _ = find_runs([tmp_path])
    ((board,), unplaced) = boards(runs, varied(runs))
    assert [row.told_count for row in board.rows] == ["1 of 2"]
    assert [one.name for one in unplaced] == ["c"]  # it does not say what it is


def test_runs_whose_options_were_edited_in_between_are_apart(tmp_path: Path, run: Write) -> None:
    for hidden in (64, 512):
        for seed in (0, 1):
            run(tmp_path / f"{hidden}{seed}", hidden / 1000, overrides=[f"seed={seed}"], seed=seed,
                values={"model.hidden": hidden, "model.init": seed})  # fmt: skip
    (board,) = board_of(tmp_path)
    assert board.keys == ("model.hidden",)  # and not what follows the seed
    assert [(row.label, row.told_count) for row in board.rows] == [("hidden=512", "2"), ("hidden=64", "2")]
    assert board.repeats == 0


def test_a_key_that_was_taken_away_makes_another_configuration(tmp_path: Path, run: Write) -> None:
    run(tmp_path / "a", 0.7, overrides=["~optim.lr"], values={"optim": {}})
    run(tmp_path / "b", 0.8, overrides=[])
    (board,) = board_of(tmp_path)
    assert [row.values for row in board.rows] == [("0.003",), ("",)]


def test_the_later_of_two_repeats_is_the_one_that_says_so(tmp_path: Path, run: Write) -> None:
    run(tmp_path / "a", 0.7, ended="2026-01-02T10:00:00+01:00")
    run(tmp_path / "b", 0.8, ended="2026-01-02T08:59:59+00:00")  # written later, as by a copy
    (board,) = board_of(tmp_path)
    assert board.rows[0].result.values == (0.7,)


def test_seeds_that_were_not_tested_are_told(tmp_path: Path, run: Write) -> None:
    run(tmp_path / "a", 0.7, metrics={"test/acc": 0.5})
    run(tmp_path / "b", 0.8, seed=1)
    (board,) = board_of(tmp_path)
    assert board.rows[0].told_test == "0.5000 (1 of 2 seeds)"


def test_what_a_contract_says_of_itself_or_a_version_added_is_no_setting(tmp_path: Path, run: Write) -> None:
    words = [{"loss.rules": [{"why": f"since {word}"}]} for word in ("always", "today")]
    run(tmp_path / "a", 0.7, values={**words[0], "trainer.new_option": None})
    run(tmp_path / "b", 0.8, seed=1, values=words[1])
    (board,) = board_of(tmp_path)
    assert [row.told_count for row in board.rows] == ["2"]
