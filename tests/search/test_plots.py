from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from lossbook.search.plan import SearchPlan
from lossbook.search.plots import draw_search
from lossbook.search.trials import Trial

Planned = Callable[..., SearchPlan]


def trial(number: int, status: str, result: float | None, **values: object) -> Trial:
    curve = {} if result is None else {0: result / 2, 1: result}
    return Trial(number, status, values, result=result, loss=math.inf, curve=curve)


def size(path: Path) -> int:
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    return path.stat().st_size


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> dict[str, Figure]:
    """What is drawn, by the file's name, before it is written."""
    drawn: dict[str, Figure] = {}

    @contextmanager
    def kept(path: Path, width: float, height: float) -> Iterator[Figure]:
        drawn[path.stem] = Figure(figsize=(width, height))
        yield drawn[path.stem]

    monkeypatch.setattr("lossbook.search.plots.picture", kept)
    return drawn


def legend(figure: Figure) -> list[str]:
    (found,) = figure.legends
    return [text.get_text() for text in found.get_texts()]


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
    written = draw_search(tmp_path, plan, trials, [("optim.lr", 0.7), ("optim", 0.3)])
    assert [path.name for path in written] == ["history.png", "values.png", "curves.png", "importance.png"]
    assert all(size(path) > 5000 for path in written)


def test_without_a_metric_there_is_no_picture(tmp_path: Path, planned: Planned) -> None:
    plan = planned("optim.lr=1,2")
    assert draw_search(tmp_path, plan, [trial(0, "failed", None, **{"optim.lr": "1"})], []) == []
    assert list(tmp_path.iterdir()) == []


def test_one_trial_is_enough(tmp_path: Path, planned: Planned) -> None:
    plan = planned("optim.lr=1,2")
    assert len(draw_search(tmp_path, plan, [trial(0, "pruned", 0.0, **{"optim.lr": "1"})], [])) == 3


def test_choices_are_counted_with_what_failed(tmp_path: Path, planned: Planned, figures: dict[str, Figure]) -> None:
    plan = planned("optim.lr=1,2,3")
    trials = [
        trial(0, "completed", 0.9, **{"optim.lr": "1"}),
        trial(1, "failed", None, **{"optim.lr": "1"}),
        trial(2, "failed", None, **{"optim.lr": "2"}),
    ]
    draw_search(tmp_path, plan, trials, [])
    labels = [label.get_text() for label in figures["values"].axes[0].get_xticklabels()]
    assert labels == ["1\n1 trial\n1 failed", "2\n1 failed", "3\n0 trials"]
    assert legend(figures["values"]) == ["best (trial 0)"]
    assert legend(figures["history"]) == ["best so far", "2 failed", "best (trial 0)"]


@pytest.mark.parametrize(("loss", "far", "place"), [("cross_entropy", -9.0, "below"), ("mse", 99.0, "above")])
def test_what_lies_beyond_the_scale_is_in_the_legend_and_the_rest_is_enlarged(
    tmp_path: Path, planned: Planned, figures: dict[str, Figure], loss: str, far: float, place: str
) -> None:
    smaller = ["data=diabetes", "loss.primary.value=mae"] if place == "above" else []
    plan = planned("optim.lr=1,2", f"loss={loss}", *smaller)
    near = [trial(number, "completed", (number + 1) / 10, **{"optim.lr": "1"}) for number in range(6)]
    draw_search(tmp_path, plan, [*near, trial(6, "pruned", far, **{"optim.lr": "2"})], [])
    assert legend(figures["history"])[-1] == legend(figures["values"])[-1] == f"{place} the scale"
    assert [axes.get_title("left") for axes in figures["curves"].axes] == [
        "Trials: 6 completed, 1 pruned", "near the best",
    ]  # fmt: skip
    draw_search(tmp_path, plan, near, [])
    assert [axes.get_title("left") for axes in figures["curves"].axes] == ["Trials: 6 completed"]
    best = 0 if place == "above" else 5
    assert legend(figures["curves"]) == ["completed", f"best (trial {best})"]


def test_what_failed_stands_above_the_names_of_the_trials(
    tmp_path: Path, planned: Planned, figures: dict[str, Figure]
) -> None:
    plan = planned("optim.lr=1,2")
    draw_search(tmp_path, plan, [trial(0, "completed", 0.9, **{"optim.lr": "1"}), trial(1, "failed", None)], [])
    axes = figures["history"].axes[0]
    (bars,) = (line for line in axes.lines if line.get_label() == "1 failed")
    assert bars.get_transform().transform((1, 0.0))[1] == axes.bbox.y0
    assert all(0 < height < 0.1 for height in bars.get_ydata())
