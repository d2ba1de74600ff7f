from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from lossbook.plots.style import REST, WINNER
from lossbook.report.leaderboard import Board, boards
from lossbook.report.ranking_plot import MOST, draw_ranking
from lossbook.report.runs import find_runs
from lossbook.report.settings import varied

Write = Callable[..., Path]
SEEDS = {"adam": (0.97, 0.98, 0.99), "sgd": (0.95, 0.96, 0.97), "muon": (0.96, 0.97, 0.965), "rprop": (0.1, 0.1, 0.12)}


def board_of(folder: Path) -> Board:
    runs, _ = find_runs([folder])
    ((board,), _) = boards(runs, varied(runs))
    return board


def overlap(texts: list) -> bool:
    boxes = [text.get_window_extent() for text in texts if text.get_text()]
    return any(a.overlaps(b) for at, a in enumerate(boxes) for b in boxes[at + 1 :])


def test_the_winner_is_on_top_and_every_metric_is_written(tmp_path: Path, run: Write, figures: list[Figure]) -> None:
    for optim, values in SEEDS.items():
        for seed, value in enumerate(values):
            run(tmp_path / f"{optim}{seed}", value, optim=optim, seed=seed)
    run(tmp_path / "x", None, optim="lbfgs", status="failed")
    caption = draw_ranking(board_of(tmp_path), tmp_path / "r.png")
    assert (tmp_path / "r.png").read_bytes()[:4] == b"\x89PNG"
    (axes,) = figures[0].axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["1  adam", "2  muon", "3  sgd", "4  rprop", "lbfgs"]
    assert axes.yaxis_inverted()
    means = {float(box.lines[0].get_xdata()[0]): float(box.lines[0].get_ydata()[0]) for box in axes.containers}
    assert means == pytest.approx({statistics.mean(SEEDS[name]): at for at, name in enumerate(("adam", "muon", "sgd"))})
    written = [text.get_text() for text in axes.texts]
    expected = [
        f"{statistics.mean(SEEDS[n]):.4f} ± {statistics.stdev(SEEDS[n]):.4f}" for n in ("adam", "muon", "sgd", "rprop")
    ]
    assert written == [*expected, "failed (0 of 1)"]
    low, high = axes.get_xlim()
    assert 0.9 < low < 0.95  # the one far behind is an arrow at the edge
    assert 0.99 < high < 1.01
    assert "before the 1 furthest behind" in caption
    assert "higher is better" in axes.get_xlabel()
    assert axes.get_title("left") == "val/acc on digits: mean of 3 seeds"


@pytest.mark.parametrize("many", [1, 2, 19, 75])
def test_labels_do_not_overlap(tmp_path: Path, run: Write, figures: list[Figure], many: int) -> None:
    for number in range(many):
        run(tmp_path / str(number), 0.9 + number / 1000, optim=f"a_long_name_{number}", loss="cross_entropy")
    draw_ranking(board_of(tmp_path), tmp_path / "r.png")
    (axes,) = figures[0].axes
    assert len(axes.get_yticklabels()) == min(many, MOST)
    assert not overlap(axes.get_yticklabels())
    assert not overlap(axes.texts)
    inside = figures[0].bbox
    assert all(inside.x0 <= text.get_window_extent().x0 for text in axes.get_yticklabels())
    assert all(text.get_window_extent().x1 <= inside.x1 for text in axes.texts)


def test_all_that_are_level_look_like_winners(tmp_path: Path, run: Write, figures: list[Figure]) -> None:
    for at, loss in enumerate(("mse", "l1", "nll")):
        for seed in (0, 1):
            run(tmp_path / f"{loss}{seed}", 0.9 - seed / (10 + (loss == "l1")) - at // 2, loss=loss, seed=seed)
    for loss in ("mse", "l1"):
        run(tmp_path / f"{loss}0", 0.9, loss=loss)
        run(tmp_path / f"{loss}1", 0.8, loss=loss, seed=1)
    caption = draw_ranking(board_of(tmp_path), tmp_path / "r.png")
    (axes,) = figures[0].axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["1  l1", "1  mse", "3  nll"]
    assert [label.get_fontweight() for label in axes.get_yticklabels()] == ["bold", "bold", "normal"]
    assert [box.lines[0].get_color() for box in axes.containers] == [WINNER, WINNER, REST]
    assert "the widest deviation of the winners" in caption
