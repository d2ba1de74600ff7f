"""The figures of a checkpoint."""

from __future__ import annotations

from pathlib import Path

import pytest

import lossbook
from lossbook.errors import UserError

SHORT = ("data.limit=96", "data.batch_size=32", "trainer=cpu", "trainer.max_epochs=1", "logger=none")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, float]]:
    folder = tmp_path_factory.mktemp("run")
    figures = lossbook.train(lossbook.compose("loss=multilabel_margin", *SHORT), folder)
    return folder / "checkpoints" / "best.ckpt", figures


def test_it_gives_the_figures_that_the_run_gave(trained: tuple[Path, dict[str, float]]) -> None:
    path, figures = trained
    found = lossbook.evaluate(lossbook.compose(f"ckpt={path}"))
    tested = {tag: value for tag, value in figures.items() if tag.startswith("test/")}
    assert found == pytest.approx(tested)  # the threshold of f1 is that of validation, and in the checkpoint


def test_on_other_data(trained: tuple[Path, dict[str, float]]) -> None:
    path, _ = trained
    found = lossbook.evaluate(lossbook.compose(f"ckpt={path}", "data.limit=48"))
    assert 0 <= found["test/lrap"] <= 1


def test_data_that_the_weights_do_not_fit_is_refused(trained: tuple[Path, dict[str, float]]) -> None:
    path, _ = trained
    with pytest.raises(UserError, match="do not fit"):
        lossbook.evaluate(lossbook.compose(f"ckpt={path}", "data=breast_cancer", "model=mlp"))


def test_without_a_checkpoint_it_says_so() -> None:
    with pytest.raises(UserError, match="ckpt"):
        lossbook.evaluate(lossbook.compose("loss=nll"))
