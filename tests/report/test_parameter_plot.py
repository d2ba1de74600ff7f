from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from lossbook.plots.style import WINNER
from lossbook.report.leaderboard import Board, boards
from lossbook.report.parameter_plot import draw_parameter, numeric_settings
from lossbook.report.runs import find_runs
from lossbook.report.settings import varied

Write = Callable[..., Path]


def board_of(folder: Path) -> Board:
    runs, _ = find_runs([folder])
    ((board,), _) = boards(runs, varied(runs))
    return board


def rates(folder: Path, run: Write, values: dict[float, tuple[float | None, ...]], **more: object) -> None:
    for lr, results in values.items():
        for seed, result in enumerate(results):
            status = "completed" if result is not None else "failed"
            given = {"overrides": [f"optim.lr={lr}"], "values": {"optim.lr": lr}, "seed": seed, "status": status}
            run(folder / f"{lr}-{seed}-{more.get('optim')}", result, **{**given, **more})


def lines(figure: Figure, style: str) -> list[list[tuple[float, float]]]:
    found = [line for line in figure.axes[0].lines if (line.get_marker(), line.get_linestyle())[style == "-"] == style]
    return [list(zip(map(float, line.get_xdata()), map(float, line.get_ydata()), strict=True)) for line in found]


def test_seeds_are_dots_and_the_line_goes_through_their_means(
    tmp_path: Path, run: Write, figures: list[Figure]
) -> None:
    rates(tmp_path, run, {1e-3: (0.5, 0.7), 0.01: (0.9, 0.8), 0.1: (0.3, 0.3), 1.0: (None, None)})
    board = board_of(tmp_path)
    assert numeric_settings(board) == ["optim.lr"]
    caption = draw_parameter(board, "optim.lr", tmp_path / "n.png")
    axes = figures[0].axes[0]
    assert axes.get_xscale() == "log"
    ((*means,),) = lines(figures[0], "-")
    assert [x for x, _ in means] == [0.001, 0.01, 0.1]
    assert [y for _, y in means] == pytest.approx([0.6, 0.85, 0.3])
    dots = sorted(dot for line in lines(figures[0], "o") for dot in line)
    assert dots == [(0.001, 0.5), (0.001, 0.7), (0.01, 0.8), (0.01, 0.9), (0.1, 0.3), (0.1, 0.3)]
    (((star, height),),) = lines(figures[0], "*")
    assert (star, height) == pytest.approx((0.01, 0.85))
    assert lines(figures[0], "s") == [[(1.0, 0.0)]]  # at the edge: no metric
    assert [text.get_text() for text in axes.texts] == ["best: lr=0.01\n0.8500 ± 0.0707"]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0.001", "0.01", "0.1", "1"]
    assert "cut short" in caption
    assert not axes.texts[0].get_window_extent().overlaps(axes.title.get_window_extent())


def test_another_choice_has_a_colour_each_and_a_short_span_a_plain_axis(
    tmp_path: Path, run: Write, figures: list[Figure]
) -> None:
    rates(tmp_path, run, {0.1: (0.5,), 0.2: (0.6,), 0.3: (0.55,)}, optim="adam")
    rates(tmp_path, run, {0.1: (0.4,), 0.2: (0.3,), 0.3: (0.2,)}, optim="sgd")
    draw_parameter(board_of(tmp_path), "optim.lr", tmp_path / "n.png")
    axes = figures[0].axes[0]
    assert axes.get_xscale() == "linear"
    both = [line for line in axes.lines if line.get_linestyle() == "-"]
    assert sorted(tuple(line.get_ydata()) for line in both) == [(0.4, 0.3, 0.2), (0.5, 0.6, 0.55)]
    assert len({line.get_color() for line in both}) == 2
    assert [text.get_text() for text in figures[0].legends[0].get_texts()] == ["adam", "sgd"]


@pytest.mark.parametrize("mode", ["max", "min"])
def test_one_that_diverged_is_an_arrow(tmp_path: Path, run: Write, figures: list[Figure], mode: str) -> None:
    far = 1e6 if mode == "min" else -1e6
    values: dict[float, tuple[float | None, ...]] = {0.1: (0.5,), 0.2: (0.6,), 0.3: (0.7,), 0.4: (far,)}
    rates(tmp_path, run, values, mode=mode)
    caption = draw_parameter(board_of(tmp_path), "optim.lr", tmp_path / "n.png")
    low, high = figures[0].axes[0].get_ylim()
    assert -0.5 < low < 0.5 < 0.7 < high < 1.5
    (((at, _),),) = lines(figures[0], "^" if mode == "min" else "v")
    assert at == 0.4
    assert "before the 1 furthest behind" in caption


def test_what_is_no_number_is_left_out(tmp_path: Path, run: Write) -> None:
    rates(tmp_path, run, {0.1: (0.5,), 0.2: (0.6,)})
    assert numeric_settings(board_of(tmp_path)) == []  # two make no line
    run(tmp_path / "x", overrides=["optim.lr=null"], values={"optim.lr": None})
    assert numeric_settings(board_of(tmp_path)) == []
    rates(tmp_path, run, {0.3: (0.7,)})
    board = board_of(tmp_path)
    assert numeric_settings(board) == ["optim.lr"]
    assert "1 that have no number for it or are alone on their line are left out" in draw_parameter(
        board, "optim.lr", tmp_path / "n.png"
    )


def test_many_values_close_together_have_an_axis_of_its_own(tmp_path: Path, run: Write, figures: list[Figure]) -> None:
    rates(tmp_path, run, {number / 100: (0.5 + number / 1000,) for number in range(1, 60)})
    draw_parameter(board_of(tmp_path), "optim.lr", tmp_path / "n.png")
    labels = [tick for tick in figures[0].axes[0].get_xticklabels() if tick.get_text()]
    boxes = [label.get_window_extent() for label in labels]
    assert len(labels) < 15
    assert not any(a.overlaps(b) for a, b in pairwise(boxes))


def test_runs_that_differ_in_more_are_not_compared(tmp_path: Path, run: Write, figures: list[Figure]) -> None:
    for at, optim in enumerate(("adam", "sgd", "muon", "rprop")):
        rates(tmp_path, run, {0.1 * (at + 1): (0.5 + at / 10,)}, optim=optim)
    assert numeric_settings(board_of(tmp_path)) == []
    rates(tmp_path, run, {0.2: (0.6,), 0.3: (0.55,)}, optim="adam")
    board = board_of(tmp_path)
    assert numeric_settings(board) == ["optim.lr"]
    caption = draw_parameter(board, "optim.lr", tmp_path / "n.png")
    assert [text.get_text() for text in figures[0].axes[0].texts] == ["rank 3: adam, lr=0.2\n0.6000"]
    assert "3 that have no number for it or are alone on their line are left out" in caption
    ((line,),) = [lines(figures[0], "-")]
    assert line == [(0.1, 0.5), (0.2, 0.6), (pytest.approx(0.3), 0.55)]


def test_those_that_are_level_have_a_star_each_and_the_winners_colour(
    tmp_path: Path, run: Write, figures: list[Figure]
) -> None:
    for loss in ("mse", "l1", "nll"):
        best = 0.8 if loss != "nll" else 0.7
        rates(tmp_path / loss, run, {0.1: (0.5,), 0.2: (best,), 0.3: (0.55,)}, loss=loss)
    draw_parameter(board_of(tmp_path), "optim.lr", tmp_path / "n.png")
    axes = figures[0].axes[0]
    assert lines(figures[0], "*")[0] == [(0.2, 0.8), (0.2, 0.8)]
    assert [text.get_text() for text in axes.texts] == ["best: l1, lr=0.2 and 1 level with it\n0.8000"]
    assert sorted(line.get_color() == WINNER for line in axes.lines if line.get_label()[0] != "_") == [0, 1, 1]


def test_where_all_else_differs_too_there_are_dots_alone(tmp_path: Path, run: Write, figures: list[Figure]) -> None:
    for at in range(8):
        lr, drop = 10.0**-at, 0.1 * ((at * 3) % 8)
        named = {"overrides": [f"optim.lr={lr}", f"model.dropout={drop}"]}
        run(tmp_path / str(at), 0.5 + at / 100, **named, values={"optim.lr": lr, "model.dropout": drop})
    run(tmp_path / "none", 0.4, overrides=["optim.lr=null"], values={"optim.lr": None, "model.dropout": 0.3})
    board = board_of(tmp_path)
    assert numeric_settings(board) == ["optim.lr", "model.dropout"]
    caption = draw_parameter(board, "optim.lr", tmp_path / "n.png")
    assert lines(figures[0], "-") == []
    assert sorted(dot for line in lines(figures[0], "o") for dot in line) == [
        (pytest.approx(10.0**-at), pytest.approx(0.5 + at / 100)) for at in range(7, -1, -1)
    ]
    assert "other settings differ as well" in caption
    assert "1 that have no number for it are left out" in caption


def test_zero_has_a_place_on_a_logarithmic_axis(tmp_path: Path, run: Write, figures: list[Figure]) -> None:
    rates(tmp_path, run, {value: (0.5 + value,) for value in (0.0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2)})
    draw_parameter(board_of(tmp_path), "optim.lr", tmp_path / "n.png")
    axes = figures[0].axes[0]
    at = [axes.transData.transform((value, 0.5))[0] for value in (0.0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2)]
    steps = [b - a for a, b in pairwise(at)]
    assert min(steps) > 0.8 * max(steps)
    (words,) = axes.texts
    inside = figures[0].bbox
    assert inside.x0 <= words.get_window_extent().x0
    assert words.get_window_extent().x1 <= inside.x1


def test_a_run_that_was_given_up_is_a_cross_at_its_metric(tmp_path: Path, run: Write, figures: list[Figure]) -> None:
    rates(tmp_path, run, {0.1: (0.5,), 0.2: (0.6,), 0.3: (0.7,)})
    run(tmp_path / "x", 0.55, overrides=["optim.lr=0.4"], values={"optim.lr": 0.4}, status="pruned")
    draw_parameter(board_of(tmp_path), "optim.lr", tmp_path / "n.png")
    assert lines(figures[0], "x") == [[(0.4, 0.55)]]
    assert [text.get_text() for text in figures[0].legends[0].get_texts()] == ["cut short, at its last value"]


@pytest.mark.parametrize("mode", ["max", "min"])
def test_what_stands_at_the_edge_says_so(tmp_path: Path, run: Write, figures: list[Figure], mode: str) -> None:
    worse = 0.1 if mode == "max" else 9.0
    rates(tmp_path, run, {0.1: (0.5,), 0.2: (0.6,), 0.3: (0.7,), 0.5: (None,)}, mode=mode)
    run(tmp_path / "x", worse, overrides=["optim.lr=0.4"], values={"optim.lr": 0.4}, status="pruned", mode=mode)
    caption = draw_parameter(board_of(tmp_path), "optim.lr", tmp_path / "n.png")
    assert lines(figures[0], "x") == []
    (((at, _),),) = lines(figures[0], "v" if mode == "max" else "^")
    (((without, _),),) = lines(figures[0], "s")
    assert (at, without) == (0.4, 0.5)
    words = ["cut short, last value off the axis", "cut short, without a value"]
    assert [text.get_text() for text in figures[0].legends[0].get_texts()] == words
    assert "At the edge" in caption


def test_metrics_from_nought_on_have_no_axis_below_it(tmp_path: Path, run: Write, figures: list[Figure]) -> None:
    rates(tmp_path, run, {0.1: (0.01,), 0.2: (0.0,), 0.3: (0.7,)}, mode="min", primary="val/mae")
    draw_parameter(board_of(tmp_path), "optim.lr", tmp_path / "n.png")
    axes = figures[0].axes[0]
    assert axes.spines["left"].get_bounds()[0] == 0
    assert min(axes.get_yticks()) >= 0


def test_better_ones_are_told_apart_beside_those_of_other_decades(
    tmp_path: Path, run: Write, figures: list[Figure]
) -> None:
    rates(tmp_path, run, {0.1: (62.0,), 0.2: (49.0,), 0.3: (45.0,), 0.4: (187.0,), 0.5: (2647.0,)}, mode="min")
    caption = draw_parameter(board_of(tmp_path), "optim.lr", tmp_path / "n.png")
    assert 62 < figures[0].axes[0].get_ylim()[1] < 70
    assert sorted(at for ((at, _),) in lines(figures[0], "^")) == [0.4, 0.5]
    assert "before the 2 furthest behind" in caption
