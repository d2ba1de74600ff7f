from __future__ import annotations

from pathlib import Path

import pytest

import lossbook
from lossbook.errors import UserError
from lossbook.training.explore import explore


def test_a_picture_is_named_after_what_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert explore(lossbook.compose("loss=l1"), None, {"out": None}) == Path("outputs/explore/l1.png")
    assert explore(lossbook.compose("loss=l1"), None, {"out": "here/a.png"}) == Path("here/a.png")
    assert {path.name for path in tmp_path.rglob("*.png")} == {"l1.png", "a.png"}


def test_a_learning_rate_of_the_users_is_among_those_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr("lossbook.plots.optimizer.draw", lambda *arguments: seen.append(arguments))
    explore(lossbook.compose("optim=sgd", "optim.lr=0.1", "optim.momentum=0"), tmp_path, {"out": None})
    ((name, node, rates, path, given),) = seen
    assert (name, node["momentum"], path) == ("sgd", 0, tmp_path / "sgd.png")
    assert rates == [0.01, 0.1, 0.3, 1.0]
    assert given == ["lr=0.1", "momentum=0"]


@pytest.mark.parametrize(
    ("overrides", "out", "said"),
    [
        ([], None, "Give one optimizer or one loss"),
        (["loss=l1", "optim=sgd"], None, "Give one optimizer or one loss"),
        (["optim=sgd", "trainer.max_epochs=3"], None, "trainer.max_epochs=3"),
        (["loss=ctc"], None, "alignments"),
        (["loss=info_nce"], None, "similarities"),
        (["loss=l1"], "a.pdf", "out=a.png"),
        (["loss=poisson_nll", "loss.criterion.log_input=false"], None, "softplus"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overrides: list[str], out: str | None, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as error:
        explore(lossbook.compose(*overrides), None, {"out": out})
    assert said in str(error.value)
    assert list(tmp_path.iterdir()) == []
