"""What stands above pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lossbook.report.leaderboard import Board, boards
from lossbook.report.runs import find_runs
from lossbook.report.settings import varied
from lossbook.report.titles import metric_label, picture_title

Write = Callable[..., Path]


def board_of(folder: Path) -> Board:
    runs, _ = find_runs([folder])
    ((board,), _) = boards(runs, varied(runs))
    return board


@pytest.mark.parametrize(
    ("seeds", "said"),
    [((1, 1), "one seed"), ((3, 3), "mean of 3 seeds"), ((1, 3), "mean of 1 to 3 seeds"), ((0, 0), "no run completed")],
)
def test_the_metric_the_data_and_the_seeds(tmp_path: Path, run: Write, seeds: tuple[int, int], said: str) -> None:
    for optim, count in zip(("adam", "sgd"), seeds, strict=True):
        for seed in range(count):
            run(tmp_path / f"{optim}{seed}", 0.5, optim=optim, seed=seed)
        if not count:
            run(tmp_path / optim, None, optim=optim, status="failed")
    board = board_of(tmp_path)
    assert picture_title(board, 10) == f"val/acc on digits: {said}"
    assert max(map(len, picture_title(board, 2.5).splitlines())) <= 25
    assert metric_label(board.contest) == "val/acc (higher is better)"
