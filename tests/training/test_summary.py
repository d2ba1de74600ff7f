"""What a run tells."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console

import lossbook
from lossbook.config.resolve import plain
from lossbook.training.fit import Outcome
from lossbook.training.summary import _is_default, _print_row, print_interrupted, print_metrics, print_outcome

SHORT = ("data.limit=48", "data.batch_size=24", "trainer=cpu", "logger=none", "callbacks=none", "trainer.max_epochs=1")


def test_the_plan_says_what_was_decided(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lossbook.train(lossbook.compose("loss=bce_logits", "model=cnn", *SHORT), tmp_path)
    plan = capsys.readouterr().out.partition("\n\n")[0]
    lines = {line.split()[0]: line for line in plan.splitlines()}
    assert list(lines) == ["loss", "data", "model", "optim", "train", "device", "folder"]
    assert "multilabel as one_hot, watching val/acc (max)" in lines["loss"]
    assert "48 + 48 + 48 samples" in lines["data"]
    assert lines["data"].endswith("default for the loss")
    assert not lines["model"].endswith("default for the data")  # it was given
    assert "CNN, 73,706 parameters, channels 32-64-64, hidden 128" in lines["model"]
    assert "fused" in lines["optim"]
    assert "1 epoch of 2 steps, batches of 24" in lines["train"]
    assert str(tmp_path) in lines["folder"]


def plan(tmp_path: Path, capsys: pytest.CaptureFixture[str], *overrides: str) -> dict[str, str]:
    lossbook.train(lossbook.compose(*SHORT, *overrides), tmp_path)
    text = capsys.readouterr().out.partition("\n\n")[0]
    return {line.split()[0]: line.partition(" ")[2].strip() for line in text.splitlines()}


def test_classes_and_their_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    two = ("data=breast_cancer", "loss.criterion.weight=auto", "data.positive_class=malignant", "data.limit=null")
    lines = plan(tmp_path / "two", capsys, *two)
    assert lines["classes"] == "malignant, benign; positive, for f1: malignant"
    assert lines["weights"] == "weight auto: malignant 1.34, benign 0.796"  # 398 / (2 * 148), 398 / (2 * 250)
    notes = json.loads((tmp_path / "two" / "metrics.json").read_text())["definitions"]
    assert notes == {"f1": "of the class malignant (data.positive_class)"}
    many = plan(tmp_path / "many", capsys, "loss=nll", "loss.criterion.weight=[1,1,1,1,1,1,1,1,1,2]")
    assert "classes" not in many  # 0 to 9
    assert many["weights"] == "weight: 0 1, 1 1, 2 1, 3 1, 4 1, 5 1, 6 1, 7 1 and 2 more"


def test_how_it_is_trained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = plan(
        tmp_path, capsys, "model=torchvision", "model.arch=shufflenet_v2_x0_5", "callbacks=ema", "data=scene_labels",
        "loss=bce_logits", "trainer.gradient_clip_val=0.5", "trainer.accumulate_grad_batches=2",
        "data.augment=[{_target_: lossbook.data.augment.GaussianNoise, std: 0.1}]",
        "data.mixup=0.2",
    )  # fmt: skip
    assert lines["augment"] == "GaussianNoise(std=0.1), mixup(0.2)"
    assert lines["average"] == "ExponentialAverage of the weights, decay 0.999"
    assert (
        lines["train"]
        == "1 epoch of 1 step, batches of 24, gradients of 2 batches a step, gradients clipped at norm 0.5"
    )
    assert "arch shufflenet_v2_x0_5, weights random" in lines["model"]
    balanced = plan(tmp_path / "balanced", capsys, "data.sampling=balanced")
    assert balanced["train"].endswith("classes balanced")


def test_lines_are_broken_on_a_narrow_terminal_alone(capsys: pytest.CaptureFixture[str]) -> None:
    text = "words " * 22 + "[b]end[/b]"
    for terminal, lines in ((True, 3), (False, 1)):
        out = Console(force_terminal=terminal, color_system=None, width=80, soft_wrap=True, highlight=False)
        _print_row(out, "data", "digits", text, 16, 6)
        printed = capsys.readouterr().out.splitlines()
        assert len(printed) == lines
        assert printed[0].startswith("data    digits  words")
        assert printed[-1].endswith("[b]end[/b]")
        assert all(line.startswith(" " * 16 + "words") and len(line) <= 80 for line in printed[1:])


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
def test_is_default_is_what_the_options_own_file_names(overrides: list[str], data: bool, model: bool) -> None:
    config = plain(lossbook.compose(*overrides))
    assert (_is_default("loss", "data", config), _is_default("data", "model", config)) == (data, model)


def test_metrics_are_a_table_the_watched_one_first(capsys: pytest.CaptureFixture[str]) -> None:
    print_metrics({"val/acc": 0.5, "val/f1": 0.25, "test/f1": 1 / 3, "val/loss": 2.0}, ("val/f1", "max"), {})
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert rows[0] == ["val", "test"]
    assert rows[2:] == [["f1", "0.2500", "0.3333"], ["loss", "2.0000"], ["acc", "0.5000"]]


def test_the_outcome_names_the_files_and_the_next_command(capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path("/somewhere/outputs/nll-adam/now")
    outcome = Outcome({"val/acc": 1.0}, 2, False, folder / "checkpoints/best.ckpt", epochs=3, steps=1200)
    print_outcome(outcome, ("val/acc", "max"), folder, 4.56, {"f1": "of [b]", "acc": "exact match"})
    text = capsys.readouterr().out
    assert "best epoch 2 of 3, 1,200 steps, 4.6 s" in text
    assert "\nacc: exact match\n" in text  # and nothing of a metric that there is not
    assert "f1" not in text
    assert f"{folder / 'checkpoints/best.ckpt'}\n" in text
    assert f"{folder / 'metrics.json'}\n" in text
    assert "tensorboard --logdir /somewhere/outputs\n" in text


def test_a_tie_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    print_outcome(Outcome({"val/acc": 1.0}, 2, True, epochs=3), ("val/acc", "max"), Path("x"), 1, {})
    assert "best epoch 2 of 3 (equal val/acc: the lowest val/loss), 0 steps" in capsys.readouterr().out


@pytest.mark.parametrize(("last", "said"), [(Path("x/last.ckpt"), "ckpt=x/last.ckpt"), (None, "no checkpoint")])
def test_how_to_go_on(last: Path | None, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_interrupted(last, Path("x"))
    assert said in capsys.readouterr().out
