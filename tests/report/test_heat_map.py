from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from lossbook.report.heat_map import draw_heat_map, has_heat_map
from lossbook.report.leaderboard import Board, boards
from lossbook.report.runs import Run, find_runs
from lossbook.report.settings import varied

Write = Callable[..., Path]
LOSSES, OPTIMS = ("mse", "l1", "smooth_l1"), ("adam", "sgd")


def board_of(folder: Path) -> Board:
    runs, _ = find_runs([folder])
    ((board,), _) = boards(runs, varied(runs))
    return board


def pairs(folder: Path, run: Write, left_out: Sequence[tuple[str, str]] = (), **more: object) -> None:
    for at, loss in enumerate(LOSSES):
        for place, optim in enumerate(OPTIMS):
            if (loss, optim) not in left_out:
                run(folder / f"{loss}-{optim}", 0.9 + at / 100 - place / 1000, loss=loss, optim=optim, **more)


def test_a_cell_a_pair(tmp_path: Path, run: Write, figures: list[Figure]) -> None:
    pairs(tmp_path, run, left_out=[("mse", "sgd"), ("l1", "sgd")])
    run(tmp_path / "x", None, loss="l1", optim="sgd", status="failed")
    run(tmp_path / "y", 0.9, loss="mse", optim="adam", seed=1)
    board = board_of(tmp_path)
    refused = [Run(Path(), "", overrides=("loss=mse", "optim=sgd"))]
    assert has_heat_map(board, refused)
    caption = draw_heat_map(board, refused, tmp_path / "h.png")
    axes, bar = figures[0].axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["smooth_l1", "l1", "mse"]  # the best on top
    assert [label.get_text() for label in axes.get_xticklabels()] == ["adam", "sgd"]
    (image,) = axes.images
    grid = np.ma.filled(image.get_array(), np.nan)
    assert grid == pytest.approx(np.array([[0.92, 0.919], [0.91, np.nan], [0.9, np.nan]]), nan_ok=True)
    written = {(text.get_position()[0], round(text.get_position()[1])): text.get_text() for text in axes.texts[::-1]}
    assert written == {
        (0, 0): "0.9200",
        (1, 0): "0.9190",
        (0, 1): "0.9100",
        (1, 1): "failed",
        (0, 2): "0.9000",
        (1, 2): "refused",
    }
    assert "± 0.0000" in [text.get_text() for text in axes.texts]
    assert "Hatched" in caption
    assert "Refused" in caption
    assert bar.get_ylabel() == "val/acc (higher is better)"


def test_numbers_are_in_their_order_and_one_far_behind_keeps_the_colours(
    tmp_path: Path, run: Write, figures: list[Figure]
) -> None:
    for lr in (0.1, 1e-3, 0.01):
        for optim in OPTIMS:
            result = 0.1 if (lr, optim) == (0.1, "sgd") else 0.9 + lr / 10
            values = {"optim.lr": lr}
            run(tmp_path / f"{lr}{optim}", result, optim=optim, overrides=[f"optim.lr={lr}"], values=values)
    board = board_of(tmp_path)
    caption = draw_heat_map(board, [], tmp_path / "h.png")
    axes, _ = figures[0].axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["0.001", "0.01", "0.1"]
    assert axes.images[0].get_clim() == pytest.approx((0.9001 - 0.15 * 0.0099, 0.91))  # 0.1 is darker than 0.9001
    assert "before the 1 furthest behind" in caption


def test_lists_of_numbers_are_in_the_order_of_these(tmp_path: Path, run: Write, figures: list[Figure]) -> None:
    for at, channels in enumerate(([16, 32], [8, 16], [128], [8, 9])):
        for optim in OPTIMS:
            named = {"overrides": [f"model.channels={channels}"], "values": {"model.channels": channels}}
            run(tmp_path / f"{at}{optim}", 0.9 - at / 10, optim=optim, **named)
    draw_heat_map(board_of(tmp_path), [], tmp_path / "h.png")
    labels = figures[0].axes[0].get_yticklabels()
    assert [label.get_text() for label in labels] == ["[8,9]", "[8,16]", "[16,32]", "[128]"]


def test_it_wants_two_settings_and_most_of_the_pairs(tmp_path: Path, run: Write) -> None:
    run(tmp_path / "0", loss="a", optim="x")
    assert not has_heat_map(board_of(tmp_path), [])
    run(tmp_path / "1", loss="a", optim="y")
    assert not has_heat_map(board_of(tmp_path), [])
    run(tmp_path / "2", loss="b", optim="z")
    assert not has_heat_map(board_of(tmp_path), [])  # three of six
    run(tmp_path / "3", loss="b", optim="x")
    assert has_heat_map(board_of(tmp_path), [])
    run(tmp_path / "4", loss="b", optim="x", overrides=["scheduler=none"], choices={"scheduler": "none"})
    assert not has_heat_map(board_of(tmp_path), [])


def test_nineteen_by_fifteen(tmp_path: Path, run: Write, figures: list[Figure]) -> None:
    jobs = []
    for loss in range(19):
        for optim in range(15):
            names = {"loss": f"a_loss_of_name_{loss}", "optim": f"optimizer_{optim}"}
            if (loss + optim) % 4 == 3:
                jobs.append(Run(Path(), "", overrides=tuple(f"{key}={value}" for key, value in names.items())))
            else:
                run(tmp_path / f"{loss}-{optim}", 0.5 + loss / 50 + optim / 1000, **names)
    draw_heat_map(board_of(tmp_path), jobs, tmp_path / "h.png")
    axes, _ = figures[0].axes
    assert len(axes.get_yticklabels()) == 19
    assert sum(text.get_text() == "refused" for text in axes.texts) == len(jobs)
    boxes = [text.get_window_extent() for text in axes.texts if text.get_text()]
    assert not any(a.overlaps(b) for at, a in enumerate(boxes) for b in boxes[at + 1 :])
    down = [label.get_window_extent() for label in axes.get_yticklabels()]
    assert not any(a.overlaps(b) for a, b in pairwise(down))


def test_where_all_are_equal_there_is_no_scale(tmp_path: Path, run: Write, figures: list[Figure]) -> None:
    for loss in LOSSES:
        for optim in OPTIMS:
            run(tmp_path / f"{loss}{optim}", 1.0, loss=loss, optim=optim)
    draw_heat_map(board_of(tmp_path), [], tmp_path / "n.png")
    assert len(figures[0].axes) == 1
