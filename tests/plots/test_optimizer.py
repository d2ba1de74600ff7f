from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path

import pytest
from matplotlib.figure import Figure

import lossbook
from lossbook.config.options import Options, conf_folder
from lossbook.config.resolve import plain
from lossbook.plots import descent, optimizer
from lossbook.plots.optimizer import draw

OPTIMIZERS = Options([conf_folder()]).names("optim")
NOTED = {
    "muon": "matrices",
    "sparse_adam": "row of an embedding",
    "lbfgs": "max_iter",
    "rprop": "initial step size",
    "asgd": "average",
}


def node(name: str):
    return plain(lossbook.compose(f"optim={name}"))["optim"]


@pytest.mark.parametrize("name", ["sgd", "lbfgs"])
def test_a_picture_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(descent, "STEPS", 6)
    draw(name, node(name), [0.01, 0.1, 0.3, 1.0], tmp_path / "a.png", ["momentum=0"])
    assert (tmp_path / "a.png").stat().st_size > 30_000


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_is_drawn_with_what_a_reader_must_know_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """All panels are drawn, but not laid out and rendered, which takes most of the time."""
    drawn: list[Figure] = []

    @contextmanager
    def kept(path, width, height):
        drawn.append(Figure(figsize=(width, height)))
        yield drawn[0]

    monkeypatch.setattr(optimizer, "picture", kept)
    monkeypatch.setattr(optimizer, "good_on_valley", lambda node: 0.1)
    draw(name, node(name), [0.01, 0.1, 0.3, 1.0], tmp_path / "a.png")
    (figure,) = drawn
    assert len(figure.axes) == (15 if descent.momentum_argument(node(name)) else 10)
    assert NOTED.get(name, "black dot") in figure.get_supxlabel().replace("\n", " ")


def test_the_case_that_diverges_is_marked() -> None:
    axes = Figure().add_subplot()
    found = descent.descend({**node("sgd"), "momentum": 0.0}, descent.VALLEY, 0.3)
    optimizer._path(axes, descent.VALLEY, found, "red")
    assert "DIVERGES" in [text.get_text() for text in axes.texts]
    line = next(line for line in axes.lines if line.get_color() == "red")
    assert 1 < len(line.get_xdata()) < 10  # it ends where it leaves the window
