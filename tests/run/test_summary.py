"""What a run tells."""

from __future__ import annotations

from pathlib import Path

import pytest

import lossbook
from lossbook.composing.plain import plain
from lossbook.run.fit import Outcome
from lossbook.run.summary import _natural, print_broken_off, print_figures, print_outcome

SHORT = ("data.limit=48", "data.batch_size=24", "trainer=cpu", "logger=none", "callbacks=none", "trainer.max_epochs=1")


def test_the_plan_says_what_was_decided(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lossbook.train(lossbook.compose("loss=bce_logits", "model=cnn", *SHORT), tmp_path)
    plan = capsys.readouterr().out.partition("\n\n")[0]
    lines = {line.split()[0]: line for line in plan.splitlines()}
    assert list(lines) == ["loss", "data", "model", "optim", "device", "folder"]
    assert "multilabel as one_hot, watching val/acc" in lines["loss"]
    assert "48 + 48 + 48 samples" in lines["data"]
    assert lines["data"].endswith("natural to the loss")
    assert not lines["model"].endswith("natural to the data")  # it was given
    assert "fused" in lines["optim"]
    assert str(tmp_path) in lines["folder"]


@pytest.mark.parametrize(
    ("overrides", "data", "model"),
    [
        (["loss=cross_entropy"], False, True),  # the digits are train.yaml's default, which any loss would have
        (["loss=ctc"], True, True),
        (["loss=mse", "data=digits"], False, True),
        (["experiment=count_digits"], True, True),
        (["loss=nll", "model=mlp"], True, False),
    ],
)
def test_natural_is_what_the_options_own_file_names(overrides: list[str], data: bool, model: bool) -> None:
    config = plain(lossbook.compose(*overrides))
    assert (_natural("loss", "data", config), _natural("data", "model", config)) == (data, model)


def test_figures_are_a_table_the_watched_one_first(capsys: pytest.CaptureFixture[str]) -> None:
    print_figures({"val/acc": 0.5, "val/f1": 0.25, "test/f1": 1 / 3, "val/loss": 2.0}, ("val/f1", "max"))
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert rows[0] == ["val", "test"]
    assert rows[2:] == [["f1", "0.2500", "0.3333"], ["loss", "2.0000"], ["acc", "0.5000"]]


def test_the_outcome_names_the_files_and_the_next_command(capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path("/somewhere/outputs/nll-adam/now")
    outcome = Outcome({"val/acc": 1.0}, 2, folder / "checkpoints/best.ckpt", None, epochs=3, steps=1200)
    print_outcome(outcome, ("val/acc", "max"), folder, 4.56)
    text = capsys.readouterr().out
    assert "best epoch 2 of 3, 1,200 steps, 4.6 s" in text
    assert f"{folder / 'checkpoints/best.ckpt'}\n" in text
    assert f"{folder / 'metrics.json'}\n" in text
    assert "tensorboard --logdir /somewhere/outputs\n" in text


@pytest.mark.parametrize(("last", "said"), [(Path("x/last.ckpt"), "ckpt=x/last.ckpt"), (None, "no checkpoint")])
def test_how_to_go_on(last: Path | None, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_broken_off(last, Path("x"))
    assert said in capsys.readouterr().out
