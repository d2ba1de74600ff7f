"""What every encoding makes of a model's output: decision, probability, confidence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pytest
import torch
from scipy.special import expit, softmax
from torch import Tensor, tensor

import lossbook
from lossbook.checkpoints.read import read
from lossbook.config.check import check
from lossbook.config.resolve import plain
from lossbook.targets.encoding import Prediction
from lossbook.training.assemble import Assembly, assemble
from lossbook.trust import OWN_CONFIG

OUTPUT = torch.randn(7, 3, generator=torch.Generator().manual_seed(1)) * 3
MARGINS = ["multi_margin", "soft_margin", "multilabel_margin", "mse", "l1", "smooth_l1"]


def numbers(prediction: Prediction) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    assert prediction.probability is not None
    assert prediction.confidence is not None
    return prediction.decision.numpy(), prediction.probability.numpy(), prediction.confidence.numpy()


@pytest.mark.parametrize(
    ("loss", "kind"),
    [
        ("cross_entropy", "class"),
        ("nll", "class"),
        ("kl_div", "class"),
        ("dice", "class"),
        ("cross_entropy", "distribution"),
        ("kl_div", "distribution"),
    ],
)
def test_of_losses_that_train_a_softmax(objective: Any, loss: str, kind: str) -> None:
    decision, probability, confidence = numbers(objective(kind, f"loss={loss}").predict(OUTPUT))
    wanted = softmax(OUTPUT.numpy(), axis=1)
    np.testing.assert_allclose(probability, wanted, rtol=1e-5)
    np.testing.assert_allclose(probability.sum(1), 1, rtol=1e-5)
    np.testing.assert_array_equal(decision, wanted.argmax(1))
    np.testing.assert_allclose(confidence, wanted.max(1), rtol=1e-5)


@pytest.mark.parametrize("loss", ["bce", "bce_logits"])
def test_of_one_output_for_two_classes(objective: Any, schema: Any, loss: str) -> None:
    made = objective(schema("class", classes=2, class_counts=(5, 5)), f"loss={loss}")
    output = tensor([[-2.0], [0.1], [3.0]])
    decision, probability, confidence = numbers(made.predict(output))
    second = expit(output.numpy())
    np.testing.assert_allclose(probability, np.hstack([1 - second, second]), rtol=1e-5)
    np.testing.assert_array_equal(decision, [0, 1, 1])
    np.testing.assert_allclose(confidence, [1 - second[0, 0], second[1, 0], second[2, 0]], rtol=1e-5)


@pytest.mark.parametrize("loss", ["bce", "bce_logits", "multilabel_soft_margin"])
def test_of_labels(objective: Any, loss: str) -> None:
    output = torch.randn(5, 4)
    found = objective("multilabel", f"loss={loss}").predict(output)
    assert found.probability is not None
    np.testing.assert_allclose(found.probability, expit(output.numpy()), rtol=1e-5)
    np.testing.assert_array_equal(found.decision, output.numpy() > 0)


@pytest.mark.parametrize("loss", ["cross_entropy", "nll", "dice"])
def test_of_masks(objective: Any, loss: str) -> None:
    output = torch.randn(2, 3, 4, 5)
    decision, probability, confidence = numbers(objective("mask", f"loss={loss}").predict(output))
    wanted = softmax(output.numpy(), axis=1)
    assert decision.shape == confidence.shape == (2, 4, 5)
    np.testing.assert_allclose(probability, wanted, rtol=1e-5)
    np.testing.assert_array_equal(decision, wanted.argmax(1))
    np.testing.assert_allclose(confidence, wanted.max(1), rtol=1e-5)


@pytest.mark.parametrize("loss", MARGINS)
def test_margins_and_distances_of_classes_train_no_probability(objective: Any, loss: str) -> None:
    found = objective("class", f"loss={loss}").predict(OUTPUT)
    assert found.probability is None
    assert found.confidence is None
    np.testing.assert_array_equal(found.decision, OUTPUT.argmax(1))


@pytest.mark.parametrize(("accepts", "wanted"), [("standardised", [[120.0], [60.0]]), ("plain", [[1.0], [-2.0]])])
def test_values_are_in_their_own_units(objective: Any, accepts: str, wanted: list[list[float]]) -> None:
    made = objective("value", "loss=mse", "data=diabetes", f"loss.accepts.value={accepts}")
    found = made.predict(tensor([[1.0], [-2.0]]))
    assert found.decision.tolist() == wanted
    assert found.probability is None


def test_counts_are_rates(objective: Any) -> None:
    """An output of 0 is the mean of the training part, here 3."""
    found = objective("count", "loss=poisson_nll").predict(tensor([[0.0], [1.0]]))
    np.testing.assert_allclose(found.decision, [[3], [3 * np.e]], rtol=1e-5)


def test_embeddings_are_the_decision(objective: Any) -> None:
    made = objective("class", "loss=triplet_margin", embedding_dim=3)
    assert torch.equal(made.predict(OUTPUT).decision, made.activate(OUTPUT))


@pytest.mark.parametrize("blank", [0, 2, 3])
def test_a_text_reads_the_same_alone_and_padded(objective: Any, blank: int) -> None:
    made = objective("text", "loss=ctc", f"loss.criterion.blank={blank}")
    output = torch.randn(4, 9, 4)
    lengths = tensor([3, 9, 1, 6])
    padded = made.predict(output, lengths)
    assert padded.probability is None
    for row, length in enumerate(lengths.tolist()):
        alone = made.predict(output[row : row + 1, :length], tensor([length]))
        read = padded.decision[row]
        assert read[read >= 0].tolist() == alone.decision[alone.decision >= 0].tolist()
        torch.testing.assert_close(padded.confidence[row : row + 1], alone.confidence)
        best = softmax(output[row, :length].numpy(), axis=1).max(1).prod()
        assert float(alone.confidence) == pytest.approx(best, rel=1e-5)
        path = output[row, :length].argmax(1).tolist()
        merged = [s for s, before in zip(path, [None, *path[:-1]], strict=True) if s not in (before, blank)]
        assert alone.decision[alone.decision >= 0].tolist() == [s - (s > blank) for s in merged]


def test_thresholds_of_validation(objective: Any) -> None:
    labels = objective("multilabel", "loss=multilabel_margin")
    scores = tensor([[0.2, 0.6, -1.0, 3.0]])
    assert labels.predict(scores).decision.tolist() == [[1, 1, 0, 1]]
    assert labels.predict(scores, None, {"f1": tensor(0.5)}).decision.tolist() == [[0, 1, 0, 1]]
    pairs = objective("pair", "loss=hinge_embedding", embedding_dim=2)
    sides = (tensor([[0.0, 0.0], [1.0, 0.0]]), tensor([[3.0, 4.0], [1.0, 1.0]]))
    assert pairs.predict(sides).decision.tolist() == [5, 1]
    assert pairs.predict(sides, None, {"verification": tensor(2.0)}).decision.tolist() == [0, 1]


SHORT = ("data.limit=70", "data.batch_size=32", "trainer=cpu", "logger=none", "trainer.max_epochs=1")
RUNS = [
    ("loss=cross_entropy", "model=mlp"),
    ("loss=multilabel_margin", "model=mlp"),
    ("loss=hinge_embedding", "data=digit_pairs", "model=mlp"),
    ("loss=ctc",),
    ("experiment=two_heads", "model=mlp"),
]


def restored(folder: Path, *overrides: str) -> tuple[dict[str, float], Assembly]:
    figures = lossbook.train(lossbook.compose(*SHORT, *overrides), folder)
    values = plain(lossbook.compose(*SHORT, *overrides))
    made = assemble(values, check(values), OWN_CONFIG)
    made.module.load_state_dict(read(folder / "checkpoints" / "last.ckpt")["state_dict"])
    made.module.eval()
    return figures, made


def joined(found: list[dict[str, Prediction]], head: str) -> Tensor:
    return torch.cat([one[head].decision for one in found])


@pytest.mark.parametrize("overrides", RUNS)
def test_lightnings_trainer_predicts_the_same(tmp_path: Path, overrides: tuple[str, ...]) -> None:
    figures, made = restored(tmp_path, *overrides)
    loader = made.data.test_dataloader()
    trainer = L.Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False)
    found: Any = trainer.predict(made.module, loader)
    batches = list(made.data.test_dataloader())
    with torch.no_grad():
        own = [made.task.predict(batch, made.module.test_meter.thresholds()) for batch in batches]
    assert found[0].keys() == made.task.heads.keys()
    for head in made.task.heads:
        assert all(torch.equal(a[head].decision, b[head].decision) for a, b in zip(found, own, strict=True))
    if "loss=cross_entropy" in overrides:
        right = joined(found, "") == torch.cat([batch["target"] for batch in batches])
        assert float(right.float().mean()) == pytest.approx(figures["test/acc"])
    if "loss=hinge_embedding" in overrides:  # the threshold of validation
        said, same = joined(found, "").bool(), torch.cat([batch["target"] for batch in batches]).bool()
        assert set(joined(found, "").tolist()) <= {0, 1}
        balanced = (said[same].float().mean() + (~said[~same]).float().mean()) / 2
        assert float(balanced) == pytest.approx(figures["test/pair_acc"])
    if "loss=multilabel_margin" in overrides:
        from sklearn.metrics import f1_score

        target = torch.cat([batch["target"] for batch in batches])
        score = f1_score(target, joined(found, ""), average="macro", zero_division=0)
        assert score == pytest.approx(figures["test/f1"], abs=1e-6)
    if "loss=ctc" in overrides:
        texts = [row[row >= 0].tolist() for one in found for row in one[""].decision]
        true = [row[row >= 0].tolist() for batch in batches for row in batch["target"]]
        assert np.mean([a == b for a, b in zip(texts, true, strict=True)]) == pytest.approx(figures["test/acc"])
    if "experiment=two_heads" in overrides:
        counted, wanted = joined(found, "count"), torch.cat([batch["count"] for batch in batches])
        assert float((counted - wanted).abs().mean()) == pytest.approx(figures["test/count_mae"], rel=1e-5)
