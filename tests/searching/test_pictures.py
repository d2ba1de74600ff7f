from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from lossbook.searching.pictures import draw
from lossbook.searching.plan import Plan
from lossbook.searching.trials import Trial

Planned = Callable[..., Plan]


def trial(number: int, status: str, figure: float | None, **values: object) -> Trial:
    curve = {} if figure is None else {0: figure / 2, 1: figure}
    return Trial(number, status, values, figure=figure, loss=math.inf, curve=curve)


def size(path: Path) -> int:
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    return path.stat().st_size


def test_every_kind_of_trial_and_parameter_is_drawn(tmp_path: Path, planned: Planned) -> None:
    plan = planned(
        "optim=adam,sgd", "optim.momentum=0.8,0.9", "optim.lr=interval(1e-4,1e-1)", "model.dropout=interval(0,0.5)"
    )
    trials = [
        trial(0, "completed", 0.9, **{"optim": "sgd", "optim.momentum": "0.9", "optim.lr": 0.01, "model.dropout": 0.1}),
        trial(1, "completed", 0.1, **{"optim": "adam", "optim.lr": 0.1, "model.dropout": 0.2}),
        trial(2, "pruned", 0.5, **{"optim": "adam", "optim.lr": 0.02, "model.dropout": 0.5}),
        trial(3, "failed", None, **{"optim": "adam", "optim.lr": 0.02, "model.dropout": 0.5}),
        trial(4, "refused", None, **{"optim": "adam", "optim.lr": 0.02, "model.dropout": 0.0}),
    ]
    written = draw(tmp_path, plan, trials, [("optim.lr", 0.7), ("optim", 0.3)])
    assert [path.name for path in written] == ["history.png", "values.png", "curves.png", "importance.png"]
    assert all(size(path) > 5000 for path in written)


def test_without_a_figure_there_is_no_picture(tmp_path: Path, planned: Planned) -> None:
    plan = planned("optim.lr=1,2")
    assert draw(tmp_path, plan, [trial(0, "failed", None, **{"optim.lr": "1"})], []) == []
    assert list(tmp_path.iterdir()) == []


def test_one_trial_is_enough(tmp_path: Path, planned: Planned) -> None:
    plan = planned("optim.lr=1,2")
    assert len(draw(tmp_path, plan, [trial(0, "pruned", 0.0, **{"optim.lr": "1"})], [])) == 3
