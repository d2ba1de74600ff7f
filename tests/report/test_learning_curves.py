from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from lossbook.plots.style import FAINT, WINNER
from lossbook.report.curves import board_curves
from lossbook.report.leaderboard import Board, boards
from lossbook.report.learning_curves import draw_learning_curves
from lossbook.report.runs import find_runs
from lossbook.report.settings import varied

Write = Callable[..., Path]
TAG = "val/acc"


def board_of(folder: Path) -> Board:
    runs, _ = find_runs([folder])
    ((board,), _) = boards(runs, varied(runs))
    return board


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def drawn(axes) -> list:
    return [line for line in axes.lines if len(line.get_xdata())]


def rising(end: float, points: int = 20) -> list[float]:
    return [end - (end - 0.2) * math.exp(-at) for at in range(points)]


def test_a_line_and_a_band_a_configuration(tmp_path: Path, run: Write, figures: list[Figure]) -> None:
    for seed in (0, 1):
        run(tmp_path / f"a{seed}", 0.75, seed=seed, curve={TAG: [0.25, 0.5 + seed / 4]})
    run(tmp_path / "b", 0.5, optim="sgd", curve={TAG: [0.25, 0.375]})
    board = board_of(tmp_path)
    caption = draw_learning_curves(board, board_curves(board), tmp_path / "c.png")
    (axes,) = figures[0].axes
    lines = {tuple(line.get_xdata()): [] for line in drawn(axes)}
    for line in drawn(axes):
        lines[tuple(line.get_xdata())].append(tuple(line.get_ydata()))
    assert lines == {(1, 2): [(0.25, 0.625), (0.25, 0.375)]}
    (band,) = axes.collections
    assert {(float(x), float(y)) for x, y in band.get_paths()[0].vertices} == {(1, 0.25), (2, 0.5), (2, 0.75)}
    assert legend(figures[0]) == ["1  adam  0.7500 ± 0.0000", "2  sgd  0.5000"]
    assert axes.get_xlabel() == "epoch"
    assert "between the two seeds" in caption


def test_of_many_only_the_best_are_coloured(tmp_path: Path, run: Write, figures: list[Figure]) -> None:
    for number in range(15):
        run(tmp_path / str(number), number / 20, optim=f"o{number}", curve={TAG: [0.0, number / 20]})
    board = board_of(tmp_path)
    caption = draw_learning_curves(board, board_curves(board), tmp_path / "c.png")
    (axes,) = figures[0].axes
    grey = [line for line in drawn(axes) if to_hex(line.get_color()).upper() == FAINT]
    assert (len(drawn(axes)), len(grey)) == (15, 7)
    looks = {(line.get_color(), line.get_linestyle()) for line in drawn(axes)}
    assert len(looks) == 9
    assert legend(figures[0])[0] == "1  o14  0.7000"
    assert legend(figures[0])[-1] == "the other 7"
    assert "The best 8 of 15 are coloured" in caption


def test_a_run_that_diverged_squashes_nobody(tmp_path: Path, run: Write, figures: list[Figure]) -> None:
    for number, end in enumerate((45.0, 46.0, 47.0, 1e7)):
        line = [end + 50 * math.exp(-at) for at in range(20)]
        run(tmp_path / str(number), end, optim=f"o{number}", primary="val/mae", mode="min", curve={"val/mae": line})
    board = board_of(tmp_path)
    caption = draw_learning_curves(board, board_curves(board), tmp_path / "c.png")
    whole, enlarged = figures[0].axes
    assert whole.get_ylim()[1] < 120
    assert 44 < enlarged.get_ylim()[0] < 45 < 47 < enlarged.get_ylim()[1] < 48
    assert 10 < enlarged.get_xlim()[0] < 11  # of twenty epochs
    assert legend(figures[0])[-1] == "4  o3  1e+07 (outside)"
    assert "The 1 furthest behind are left out" in caption


def test_what_is_outside_is_not_drawn_and_has_no_colour_in_the_legend(
    tmp_path: Path, run: Write, figures: list[Figure]
) -> None:
    ends = {"a": (45.0, 46.0), "b": (49.0, 48.0), "c": (62.0, 60.0), "d": (0.0, 400.0), "e": (2000.0, 3000.0)}
    for optim, seeds in ends.items():  # the band of d crosses those of the others
        for seed, end in enumerate(seeds):
            more = {"primary": "val/mae", "mode": "min", "curve": {"val/mae": [end + 5, end]}}
            run(tmp_path / f"{optim}{seed}", end, optim=optim, seed=seed, **more)
    board = board_of(tmp_path)
    caption = draw_learning_curves(board, board_curves(board), tmp_path / "c.png")
    (axes,) = figures[0].axes
    assert sorted(float(line.get_ydata()[-1]) for line in drawn(axes)) == [45.5, 48.5, 61]
    assert len(axes.collections) == 3
    assert (axes.get_ylim()[0] > 40, axes.get_ylim()[1] < 70) == (True, True)
    handles = figures[0].legends[0].legend_handles
    assert [handle.get_linestyle() for handle in handles] == ["-", "-", "-", "None", "None"]
    assert "The 2 furthest behind are left out" in caption


def test_one_that_comes_from_far_behind_enters_the_axis(tmp_path: Path, run: Write, figures: list[Figure]) -> None:
    for number, start in enumerate((60.0, 55.0, 50.0, 9000.0)):
        line = {"val/mae": [start, 41.0 + number]}
        run(tmp_path / str(number), 41.0 + number, optim=f"o{number}", primary="val/mae", mode="min", curve=line)
    board = board_of(tmp_path)
    caption = draw_learning_curves(board, board_curves(board), tmp_path / "c.png")
    assert len(drawn(figures[0].axes[0])) == 4
    assert 60 < figures[0].axes[0].get_ylim()[1] < 65
    assert "outside" not in "".join(legend(figures[0]))
    assert "leaves out" not in caption


def test_a_colour_in_the_legend_has_a_line_to_be_seen(tmp_path: Path, run: Write, figures: list[Figure]) -> None:
    ends = (41.0, 44.0, 45.0, 46.0, 49.0, 63.0, 97.0, 188.0, 2647.0)
    for number, end in enumerate(ends):
        line = {"val/mae": [2 * end, end]}
        run(tmp_path / str(number), end, optim=f"o{number}", primary="val/mae", mode="min", curve=line)
    board = board_of(tmp_path)
    draw_learning_curves(board, board_curves(board), tmp_path / "c.png")
    (axes,) = figures[0].axes
    low, high = axes.get_ylim()
    seen = [line for line in drawn(axes) if any(low <= value <= high for value in line.get_ydata())]
    assert len(seen) == len(drawn(axes)) == sum("outside" not in name for name in legend(figures[0]))


def test_a_winner_that_diverges_after_its_best_epoch_is_drawn(
    tmp_path: Path, run: Write, figures: list[Figure]
) -> None:
    lines = [[50.0, 40.0, 9000.0], [50.0, 45.0, 44.0], [50.0, 46.0, 45.0], [50.0, 47.0, 46.0]]
    for number, line in enumerate(lines):
        more = {"primary": "val/mae", "mode": "min", "curve": {"val/mae": line}}
        run(tmp_path / str(number), min(line), optim=f"o{number}", **more)
    board = board_of(tmp_path)
    draw_learning_curves(board, board_curves(board), tmp_path / "c.png")
    axes = figures[0].axes[0]
    assert len(drawn(axes)) == 4
    assert axes.get_ylim()[0] < 40
    assert 50 < axes.get_ylim()[1] < 60


def test_starts_at_chance_belong_to_the_axis(tmp_path: Path, run: Write, figures: list[Figure]) -> None:
    for number, start in enumerate((0.5, 0.49, 0.48, 0.1)):
        run(tmp_path / str(number), 0.9, optim=f"o{number}", curve={TAG: [start, 0.9 - number / 100]})
    board = board_of(tmp_path)
    draw_learning_curves(board, board_curves(board), tmp_path / "c.png")
    assert figures[0].axes[0].get_ylim()[0] < 0.1


def test_what_was_broken_off_ends_in_a_cross(tmp_path: Path, run: Write, figures: list[Figure]) -> None:
    run(tmp_path / "0", 0.5, curve={TAG: [0.25, 0.5]})
    run(tmp_path / "1", None, optim="sgd", status="failed", curve={TAG: [0.25, 0.125]})
    board = board_of(tmp_path)
    draw_learning_curves(board, board_curves(board), tmp_path / "c.png")
    (axes,) = figures[0].axes
    (cross,) = (line for line in drawn(axes) if line.get_marker() == "x")
    assert (*cross.get_xdata(), *cross.get_ydata()) == (2, 0.125)
    assert legend(figures[0]) == ["1  adam  0.5000", "sgd  failed", "cut short"]


@pytest.mark.parametrize("points", [1, 2, 30])
def test_a_single_run(tmp_path: Path, run: Write, figures: list[Figure], points: int) -> None:
    run(tmp_path, 0.9, curve={TAG: rising(0.9, points)})
    board = board_of(tmp_path)
    draw_learning_curves(board, board_curves(board), tmp_path / "c.png")
    assert len(figures[0].axes) == (2 if points == 30 else 1)
    assert legend(figures[0]) == ["1  cross_entropy, adam  0.9000"]
    box = figures[0].legends[0].get_window_extent()
    assert not any(box.overlaps(axes.get_window_extent()) for axes in figures[0].axes)


def test_nothing_but_broken_runs(tmp_path: Path, run: Write, figures: list[Figure]) -> None:
    run(tmp_path, None, status="failed", curve={TAG: [0.25, 0.125]})
    board = board_of(tmp_path)
    draw_learning_curves(board, board_curves(board), tmp_path / "c.png")
    assert legend(figures[0]) == ["cross_entropy, adam  failed", "cut short"]


def test_winners_have_their_colour_here_too(tmp_path: Path, run: Write, figures: list[Figure]) -> None:
    for loss, end in (("mse", 0.5), ("l1", 0.5), ("nll", 0.25)):
        run(tmp_path / loss, end, loss=loss, curve={TAG: [0.0, end]})
    board = board_of(tmp_path)
    draw_learning_curves(board, board_curves(board), tmp_path / "c.png")
    handles = figures[0].legends[0].legend_handles
    assert [line.get_color() == WINNER for line in handles] == [True, True, False]
    assert [line.get_linestyle() for line in handles] == ["-", "--", "-"]


def test_many_winners_have_lines_of_every_kind(tmp_path: Path, run: Write, figures: list[Figure]) -> None:
    for number in range(7):  # losses do not compare by val/loss: all share the first place
        run(tmp_path / f"{number}", 0.5, loss=f"loss{number}", optim="adam", curve={TAG: [0.25, 0.5]})
    board = board_of(tmp_path)
    assert [row.rank for row in board.ranked] == [1] * 7
    draw_learning_curves(board, board_curves(board), tmp_path / "c.png")
    assert {to_hex(line.get_color()) for line in drawn(figures[0].axes[0])} == {to_hex(WINNER)}
