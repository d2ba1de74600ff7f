"""A checkpoint may be named by the folder of its run."""

from __future__ import annotations

from pathlib import Path

import pytest

import lossbook
from lossbook.commands import evaluate


def test_the_folder_of_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    short = ("data.limit=64", "model=mlp", "trainer=cpu", "logger=none", "trainer.max_epochs=1")
    run = tmp_path / "my run, with = in it"
    metrics = lossbook.train(lossbook.compose(*short), run)
    assert evaluate.main([f"ckpt={run}", f"output={tmp_path / 'out'}"]) == 0
    assert f"{metrics['test/acc']:.4f}" in capsys.readouterr().out
    assert (tmp_path / "out" / "classes.csv").is_file()


def test_a_folder_without_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate.main([f"ckpt={tmp_path}"]) == 1
    assert "holds no checkpoints/best.ckpt" in capsys.readouterr().err


@pytest.mark.parametrize(("given", "fix"), [(["worst=0"], "worst=100"), (["worst=5", "output=none"], "output=DIR")])
def test_mistakes_are_listed_somewhere(
    given: list[str], fix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    short = ("data.limit=64", "model=mlp", "trainer=cpu", "logger=none", "trainer.max_epochs=1")
    lossbook.train(lossbook.compose(*short), "run")
    assert evaluate.main(["ckpt=run", *given]) == 1
    assert fix in capsys.readouterr().err
