"""Metrics that a config adds, against torchmetrics and scikit-learn on the weights of the checkpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, fbeta_score, matthews_corrcoef, mean_absolute_percentage_error
from torch import Tensor
from torchmetrics.functional.classification import multiclass_calibration_error
from torchmetrics.functional.text import char_error_rate

import lossbook
from lossbook.checkpoints.read import read
from lossbook.config.check import check
from lossbook.config.resolve import plain
from lossbook.errors import UserError
from lossbook.report.report import report
from lossbook.training.assemble import Assembly, assemble
from lossbook.trust import OWN_CONFIG

CLASSIFICATION = "torchmetrics.classification"
SHORT = ("data.limit=150", "data.batch_size=64", "trainer=cpu", "logger=none", "trainer.max_epochs=1")
DIGITS = (*SHORT, "model=mlp", "model.hidden=[32]")
MCC = f"{{_target_: {CLASSIFICATION}.MulticlassMatthewsCorrCoef, of: decision}}"
ECE = f"{{_target_: {CLASSIFICATION}.MulticlassCalibrationError, n_bins: 10}}"
ACCURACY = f"{CLASSIFICATION}.MulticlassAccuracy"


def assembled(*overrides: str) -> Assembly:
    values = plain(lossbook.compose(*overrides))
    return assemble(values, check(values), OWN_CONFIG)


def trained(folder: Path, *overrides: str) -> tuple[dict[str, float], Assembly, Tensor, Tensor]:
    """The run's metrics, its objects with the weights of the checkpoint, and their output on the validation part."""
    figures = lossbook.train(lossbook.compose(*overrides), folder)
    made = assembled(*overrides)
    made.module.load_state_dict(read(folder / "checkpoints" / "last.ckpt")["state_dict"])
    made.module.eval()
    batches = list(made.data.val_dataloader())
    with torch.no_grad():
        output = torch.cat([made.module.model(batch["input"]) for batch in batches])
    return figures, made, output, torch.cat([batch["target"] for batch in batches])


def test_of_ten_classes(tmp_path: Path) -> None:
    balanced = f"{{_target_: {ACCURACY}, average: macro, of: decision, train: true}}"
    metrics = f"metrics={{mcc: {MCC}, ece: {ECE}, balanced: {balanced}}}"
    figures, made, output, target = trained(tmp_path / "run", *DIGITS, metrics, "loss.primary.class=mcc")
    decided = output.argmax(1)
    assert figures["val/mcc"] == pytest.approx(matthews_corrcoef(target, decided), abs=1e-6)
    ece = multiclass_calibration_error(output.softmax(1), target, num_classes=10, n_bins=10)
    assert figures["val/ece"] == pytest.approx(float(ece), abs=1e-6)
    assert figures["val/balanced"] == pytest.approx(balanced_accuracy_score(target, decided), abs=1e-6)
    assert "train/balanced" in figures
    assert "train/mcc" not in figures
    assert made.module.primary == ("val/mcc", "max")
    assert (made.directions["ece"], made.directions["balanced"]) == ("min", "max")

    stored = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert "val/mcc" in json.dumps(stored)
    assert "val/ece" in json.dumps(stored)
    ckpt = f"ckpt={tmp_path / 'run' / 'checkpoints' / 'best.ckpt'}"
    tested = {tag: value for tag, value in figures.items() if tag.startswith("test/")}
    assert {"test/mcc", "test/ece"} <= tested.keys()
    assert lossbook.evaluate(lossbook.compose(ckpt)) == pytest.approx(tested)
    report([tmp_path / "run"], tmp_path / "report")
    written = "".join(path.read_text() for path in (tmp_path / "report").iterdir() if path.suffix in (".md", ".csv"))
    assert "mcc" in written
    assert "ece" in written


def test_a_run_that_is_cut_goes_on_with_them(tmp_path: Path) -> None:
    options = (*DIGITS, f"metrics={{mcc: {{_target_: {CLASSIFICATION}.MulticlassMatthewsCorrCoef, train: true}}}}")
    options = (*options, "trainer.max_epochs=2", "scheduler=none", "loss.primary.class=mcc")
    whole = lossbook.train(lossbook.compose(*options), tmp_path / "whole")
    lossbook.train(lossbook.compose(*options, "trainer.max_steps=4"), tmp_path / "cut")
    ckpt = f"ckpt={tmp_path / 'cut' / 'checkpoints' / 'last.ckpt'}"
    assert lossbook.train(lossbook.compose(ckpt, "trainer.max_steps=-1"), tmp_path / "resumed") == whole


@pytest.mark.parametrize("loss", ["cross_entropy", "bce_logits", "bce", "nll"])
@pytest.mark.parametrize("positive", ["malignant", "benign"])
def test_of_the_positive_of_two_classes(tmp_path: Path, loss: str, positive: str) -> None:
    metrics = f"metrics={{f2: {{_target_: {CLASSIFICATION}.BinaryFBetaScore, beta: 2.0, of: positive}}}}"
    options = (*SHORT, "model=mlp", f"loss={loss}", "data=breast_cancer", f"data.positive_class={positive}", metrics)
    figures, made, output, target = trained(tmp_path, *options)
    names = made.data.schema.class_names
    second = output.sigmoid()[:, 0] if output.shape[1] == 1 else output.softmax(1)[:, 1]
    index = names.index(positive)
    said = (second if index == 1 else 1 - second) > 0.5
    wanted = fbeta_score(target == index, said, beta=2)
    assert figures["val/f2"] == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("accepts", ["standardised", "plain"])
def test_of_values_in_their_own_units(tmp_path: Path, accepts: str) -> None:
    metrics = "metrics={mape: {_target_: torchmetrics.MeanAbsolutePercentageError}}"
    options = (*SHORT, "model=mlp", "loss=mse", "data=diabetes", f"loss.accepts.value={accepts}", metrics)
    figures, made, output, target = trained(tmp_path, *options, "loss.primary.value=mape")
    assert made.module.primary == ("val/mape", "min")
    schema = made.data.schema
    values = output * schema.scale[0] + schema.mean[0] if accepts == "standardised" else output
    assert figures["val/mape"] == pytest.approx(mean_absolute_percentage_error(target, values), rel=1e-5)


def test_of_texts(tmp_path: Path) -> None:
    """Both sides as texts, and what torchmetrics says of them is what our own metric does."""
    metrics = "metrics={letters: {_target_: torchmetrics.text.CharErrorRate, of: decision}}"
    options = (*SHORT, "data.limit=40", "loss=ctc", metrics)
    config = lossbook.compose(*options)
    figures = lossbook.train(config, tmp_path)
    assert figures["val/letters"] == pytest.approx(figures["val/cer"], abs=1e-6)
    made = assembled(*options)
    encoding = made.task.heads[""].encoding
    said, true = encoding.compared(torch.tensor([[3, 1, -1], [-1, -1, -1]]), torch.tensor([[3, 1, 4], [2, -1, -1]]))
    letters = made.data.schema.alphabet
    assert said == [letters[3] + letters[1], ""]
    assert true == [letters[3] + letters[1] + letters[4], letters[2]]
    assert float(char_error_rate(said, true)) == pytest.approx(2 / 4)


def test_names_of_what_is_measured_under_others_are_taken() -> None:
    """``errors`` is logged as cer and wer."""
    with pytest.raises(UserError, match="errors is measured already"):
        assembled(*SHORT, "loss=ctc", "metrics={errors: {_target_: torchmetrics.text.CharErrorRate, of: decision}}")


def test_texts_have_no_probabilities() -> None:
    with pytest.raises(UserError, match="no probability of each class"):
        assembled(*SHORT, "loss=ctc", "metrics={a: {_target_: torchmetrics.text.CharErrorRate, of: probability}}")


def test_what_is_ignored_stays_so_beside_the_positive_class(objective: Any, schema: Any) -> None:
    from lossbook.losses.added_metrics import _view

    made = objective(schema("class", classes=2, class_counts=(1, 1), positive=0), "loss=cross_entropy")
    scores, target = torch.randn(4, 2), torch.tensor([0, 1, -100, 0])
    said, told = _view("positive", made)(scores, target)
    np.testing.assert_allclose(said, scores.softmax(1)[:, 0])
    assert told.tolist() == [1, 0, -100, 1]


def test_labels_have_no_positive_class() -> None:
    with pytest.raises(UserError, match="kind multilabel"):
        assembled(*SHORT, "data=scene_labels", "loss=bce", f"metrics={{a: {ECE[:-1]}, of: positive}}}}")


def test_several_heads(tmp_path: Path) -> None:
    metrics = "metrics={mape: {_target_: torchmetrics.MeanAbsolutePercentageError, head: count}}"
    terms = "loss.terms={labels: {loss: bce_logits}, count: {loss: mse}}"
    two = (*SHORT, "model=mlp", "loss=sum", "data=scene_targets", terms)
    made = assembled(*two, metrics, "loss.primary.several=count_mape")
    assert made.module.primary == ("val/count_mape", "min")
    assert "labels_mape" not in made.directions
    with pytest.raises(UserError, match="names no head"):
        assembled(*two, "metrics={mape: {_target_: torchmetrics.MeanAbsolutePercentageError}}")
    with pytest.raises(UserError, match="head=count"):
        assembled(*two, metrics.replace("head: count", "head: coun"))


def test_mode_says_what_the_metric_does_not() -> None:
    total = "{_target_: torchmetrics.SumMetric, of: decision"
    with pytest.raises(UserError, match="smallest or its largest"):
        assembled(*DIGITS, f"metrics={{total: {total}}}}}", "loss.primary.class=total")


REFUSED = {
    f"{{acc: {MCC}}}": ["metrics.acc", "measured already", "acc_2"],
    f"{{loss: {MCC}}}": ["metrics.loss", "measured already"],
    f"{{loss_dice: {MCC}}}": ["metrics.loss_dice", "term of the loss"],
    f"{{keys: {MCC}}}": ["metrics.keys", "keys_2"],
    f"{{training: {MCC}}}": ["metrics.training", "training_2"],
    f"{{a-b: {MCC}}}": ["'a-b'", "word"],
    f"{{a: {{_target_: {ACCURACY}, average: none}}}}": ["10 numbers", "average=macro"],
    f"{{a: {{_target_: {CLASSIFICATION}.MulticlassConfusionMatrix}}}}": ["100 numbers"],
    "{a: {_target_: torch.nn.Identity}}": ["Identity", "Metric is needed"],
    f"{{a: {{_target_: {ACCURACY}, avrage: macro}}}}": ["metrics.a.avrage=macro", "+metrics.a.average=macro"],
    f"{{a: {{_target_: {ACCURACY}, off: decision}}}}": ["metrics.a.off=decision", "+metrics.a.of=decision"],
    f"{{a: {{_target_: {ACCURACY}, zzz: 1}}}}": ["`zzz`"],
    f"{{a: {{_target_: {CLASSIFICATION}.MulticlassAcuracy}}}}": [f"_target_={ACCURACY}"],
    f"{{a: {{_target_: {ACCURACY}, of: positive}}}}": ["of=positive", "have 10"],
    f"{{a: {{_target_: {ACCURACY}, of: probabilty}}}}": ["metrics.a.of=probability"],
    f"{{a: {{_target_: {ACCURACY}, mode: larger}}}}": ["mode=larger", "min, max"],
    f"{{a: {{_target_: {ACCURACY}, train: yess}}}}": ["train=yess", "true"],
    f"{{a: {{_target_: {ACCURACY}, head: x}}}}": ["one target"],
    "{a: {_target_: torchmetrics.MeanAbsolutePercentageError}}": ["RuntimeError", "two samples"],
    "{a: 3}": ["metrics.a=3", "_target_"],
    "{a: {}}": ["metrics.a", "_target_"],
}


@pytest.mark.parametrize("metrics", REFUSED)
def test_what_cannot_be_measured_is_refused_by_name(metrics: str) -> None:
    with pytest.raises(UserError) as caught:
        assembled(*DIGITS, f"metrics={metrics}")
    assert all(words in str(caught.value) for words in REFUSED[metrics]), str(caught.value)


@pytest.mark.parametrize("view", ["probability", "positive"])
def test_a_loss_without_probabilities_has_none(view: str) -> None:
    with pytest.raises(UserError, match="trains no probabilities") as caught:
        assembled(*DIGITS, "loss=multi_margin", f"metrics={{ece: {ECE[:-1]}, of: {view}}}}}")
    assert f"metrics.ece.of={view}" in str(caught.value)


def test_views(objective: Any) -> None:
    """What each view gives of the same scores."""
    made = objective("class", "loss=cross_entropy")
    from lossbook.losses.added_metrics import _view

    scores, target = torch.randn(5, 3), torch.tensor([0, 2, 1, 1, 0])
    for view, wanted in {
        "score": scores, "decision": scores.argmax(1), "probability": scores.softmax(1), None: scores.softmax(1),
    }.items():  # fmt: skip
        found, same = _view(view, made)(scores, target)
        np.testing.assert_allclose(found, wanted)
        assert same is target
