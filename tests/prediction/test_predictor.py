"""Predictions for the samples of the test part give the metrics that evaluating the checkpoint reports."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, jaccard_score, mean_absolute_error
from torch.utils.data import default_collate
from torchmetrics.functional.text import char_error_rate

import lossbook
from lossbook.config.resolve import plain
from lossbook.data.module import limited
from lossbook.data.reader import NewInputs
from lossbook.errors import UserError
from lossbook.prediction.predictor import Predictor
from lossbook.prediction.result import Predictions, joined
from lossbook.training.assemble import load
from lossbook.trust import Trust

Run = Callable[..., Path]


def metrics_and_samples(run: Path) -> tuple[dict[str, float], dict[str, Any]]:
    """The metrics of a run's best checkpoint, and the samples that they are of, as the source gives them."""
    config = lossbook.compose(f"ckpt={run}/checkpoints/best.ckpt", "trainer=cpu")
    values = plain(config)
    part = limited(load(values["data"], Trust.of(values)).test, values["data"]["limit"])
    samples = dict(part) if isinstance(part, dict) else default_collate([part[place] for place in range(len(part))])
    return lossbook.evaluate(config), samples


def index(predictor: Predictor, found: Predictions) -> np.ndarray:
    names = list(predictor.schema.class_names)
    return np.array([names.index(name) for name in found.predictions])


def test_classes(run_of: Run) -> None:
    run = run_of("loss=cross_entropy", "data=digits")
    metrics, samples = metrics_and_samples(run)
    predictor = lossbook.load(run)
    found = predictor.predict(samples["input"], batch_size=7)
    said, true = index(predictor, found), samples["target"].numpy()
    assert accuracy_score(true, said) == pytest.approx(metrics["test/acc"], abs=1e-6)
    assert f1_score(true, said, average="macro", labels=np.unique([*true, *said])) == pytest.approx(
        metrics["test/f1"], abs=1e-6
    )
    assert found.probabilities is not None
    assert found.confidence == pytest.approx(found.probabilities.max(1))
    assert found.probabilities.sum(1) == pytest.approx(1, abs=1e-5)
    table = found.table()
    assert table.columns == ["name", "prediction", "confidence", *(f"p_{digit}" for digit in range(10))]
    assert table["name"].to_list() == [str(place) for place in range(len(true))]


def test_labels(run_of: Run) -> None:
    run = run_of("loss=bce_logits", "data=scene_labels")
    metrics, samples = metrics_and_samples(run)
    found = lossbook.load(run).predict(samples["input"])
    true = samples["target"].numpy()
    assert (found.predictions == true).all(1).mean() == pytest.approx(metrics["test/acc"], abs=1e-6)
    said = [[name for name, there in zip("0123456789", row, strict=True) if there] for row in found.predictions]
    assert found.table()["prediction"].to_list() == [" ".join(row) for row in said]


def test_labels_at_the_threshold_of_the_checkpoint(run_of: Run) -> None:
    run = run_of("loss=multilabel_margin", "data=scene_labels")
    metrics, samples = metrics_and_samples(run)
    found = lossbook.load(run).predict(samples["input"])
    score = f1_score(samples["target"].numpy(), found.predictions, average="macro", zero_division=0)
    assert score == pytest.approx(metrics["test/f1"], abs=1e-6)
    assert found.probabilities is None
    assert found.table().columns == ["name", "prediction"]


def test_counts(run_of: Run) -> None:
    run = run_of("loss=poisson_nll", "data=scene_counts")
    metrics, samples = metrics_and_samples(run)
    found = lossbook.load(run).predict(samples["input"])
    assert mean_absolute_error(samples["target"], found.predictions) == pytest.approx(metrics["test/mae"], rel=1e-5)
    assert found.table()["prediction"].to_numpy() == pytest.approx(found.predictions[:, 0])


def test_distributions(run_of: Run) -> None:
    run = run_of("loss=kl_div", "data=digit_mixtures")
    metrics, samples = metrics_and_samples(run)
    predictor = lossbook.load(run)
    found = predictor.predict(samples["input"])
    true = samples["target"].argmax(1).numpy()
    assert accuracy_score(true, index(predictor, found)) == pytest.approx(metrics["test/acc"], abs=1e-6)
    assert found.probabilities is not None
    divergence = torch.nn.functional.kl_div(
        torch.from_numpy(found.probabilities).log(), samples["target"], reduction="batchmean"
    )
    if not predictor.network.thresholds:  # probabilities of a chosen temperature are others
        assert float(divergence) == pytest.approx(metrics["test/kl"], rel=1e-4)


def test_masks(run_of: Run) -> None:
    run = run_of("loss=cross_entropy", "data=scene_masks", "data.limit=48")
    metrics, samples = metrics_and_samples(run)
    found = lossbook.load(run).predict(samples["input"])
    true, said = samples["target"].numpy().ravel(), found.predictions.ravel()
    assert accuracy_score(true, said) == pytest.approx(metrics["test/acc"], abs=1e-6)
    labels = np.unique([*np.unique(true), *np.unique(said)])
    assert jaccard_score(true, said, labels=labels, average="macro") == pytest.approx(metrics["test/iou"], abs=1e-5)


def test_texts(run_of: Run) -> None:
    """Of lines whose length is known; one that is read from a file is as wide as the network's inputs."""
    run = run_of("loss=ctc", "data=digit_lines", "trainer.max_epochs=3")
    metrics, samples = metrics_and_samples(run)
    predictor = lossbook.load(run)
    part = {key: column for key, column in samples.items() if key in ("input", "input_lengths")}
    chunks = [
        rows[""] for _, rows, _ in predictor.rows(NewInputs([*map(str, range(len(part["input"])))], part), 32, 0, None)
    ]
    read = joined(chunks).predictions
    true = ["".join(str(symbol) for symbol in row if symbol >= 0) for row in samples["target"].tolist()]
    assert float(char_error_rate(read.tolist(), true)) == pytest.approx(metrics["test/cer"], rel=1e-5)
    assert np.mean(read == np.array(true, dtype=object)) == pytest.approx(metrics["test/acc"], abs=1e-6)
    found = predictor.predict(samples["input"][:3])
    assert found.table().columns == ["name", "prediction", "confidence"]


def test_pairs(run_of: Run) -> None:
    run = run_of("loss=cosine_embedding", "data=digit_pairs")
    metrics, samples = metrics_and_samples(run)
    predictor = lossbook.load(run)
    first, second = (torch.from_numpy(predictor.predict(side).predictions) for side in samples["input"])
    sides = [torch.nn.functional.normalize(side, dim=1) for side in (first, second)]
    near = (sides[0] - sides[1]).norm(dim=1) < predictor.network.thresholds["verification"]
    score = balanced_accuracy_score(samples["target"], near)
    assert score == pytest.approx(metrics["test/pair_acc"], abs=1e-6)


def test_triplets(run_of: Run) -> None:
    run = run_of("loss=triplet_margin", "data=digit_triplets")
    metrics, samples = metrics_and_samples(run)
    predictor = lossbook.load(run)
    anchor, same, other = (torch.from_numpy(predictor.predict(side).predictions) for side in samples["input"])
    right = ((anchor - same).norm(dim=1) < (anchor - other).norm(dim=1)).float().mean()
    assert float(right) == pytest.approx(metrics["test/acc"], abs=1e-6)


def test_several_heads(run_of: Run) -> None:
    run = run_of("experiment=two_heads")
    metrics, samples = metrics_and_samples(run)
    found = lossbook.load(run).predict(samples["input"])
    for head, rows in found.heads.items():
        assert any(name.startswith(f"{head}_") for name in found.table().columns)
        if head == "count":
            error = mean_absolute_error(samples[head], rows.predictions)
            assert error == pytest.approx(metrics["test/count_mae"], rel=1e-5)
    assert len(found.heads) == 2
    with pytest.raises(AssertionError, match="several heads"):
        _ = found.predictions


@pytest.fixture
def table(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    rows = []
    for row in range(90):
        size, kind = random.normal(), "abc"[row % 3]
        price = 1000 + 200 * size + 50 * (row % 3)
        rows.append(f"{row + 500},{size:.4f},{kind},{price:.2f},{'yes' if price > 1050 else 'no'},{row % 5}")
    path = tmp_path / "all.csv"
    path.write_text("\n".join(["id,size,kind,price,sold,rooms", *rows]) + "\n")
    parts = [f"{row},{('train', 'val', 'test')[max(0, row % 6 - 3)]}" for row in range(90)]
    (tmp_path / "parts.csv").write_text("\n".join(["row,part", *parts]) + "\n")
    lines = path.read_text().splitlines()
    test = [line for row, line in enumerate(lines[1:]) if parts[row].endswith("test")]
    (tmp_path / "test.csv").write_text("\n".join([lines[0], *test]) + "\n")
    return path


@pytest.mark.parametrize(
    ("target", "column", "loss"),
    [("value", "price", "mse"), ("class", "sold", "cross_entropy"), ("class", "sold", "bce"), ("count", "rooms", "l1")],
)
def test_tables(target: str, column: str, loss: str, table: Path, tmp_path: Path) -> None:
    given = ["data=table", f"data.root={table}", f"data.target={target}", f"data.target_columns=[{column}]"]
    given += [f"data.split={tmp_path}/parts.csv", "data.feature_columns=[size,kind]", f"loss={loss}"]
    small = ("trainer=cpu", "trainer.max_epochs=3", "logger=none")
    lossbook.train(lossbook.compose(*given, *small), tmp_path / "run")
    metrics = lossbook.evaluate(lossbook.compose(f"ckpt={tmp_path}/run/checkpoints/best.ckpt"))
    rows = [line.split(",") for line in (tmp_path / "test.csv").read_text().splitlines()]
    place = rows[0].index(column)
    true = [row[place] for row in rows[1:]]
    predictor = lossbook.load(tmp_path / "run")
    found = predictor.predict(tmp_path / "test.csv", id_column="id")
    assert found.names == [row[0] for row in rows[1:]]
    if target == "class":
        assert accuracy_score(true, found.predictions) == pytest.approx(metrics["test/acc"], abs=1e-6)
    else:
        error = mean_absolute_error([float(one) for one in true], found.predictions[:, 0])
        assert error == pytest.approx(metrics["test/mae"], rel=1e-5)
    shuffled = ["kind", "rooms", "size"]
    text = [",".join(row[rows[0].index(name)] for name in shuffled) for row in rows]
    (tmp_path / "other.csv").write_text("\n".join(text) + "\n")
    again = predictor.predict(str(tmp_path / "other.csv"))
    assert (again.predictions == found.predictions).all()
    assert again.names == [str(row) for row in range(len(true))]
    (tmp_path / "lacks.csv").write_text("kind,rooms\na,1\n")
    with pytest.raises(UserError, match="size"):
        predictor.predict(tmp_path / "lacks.csv")
    with pytest.raises(UserError, match=r"id_column=idd[\s\S]*Fix: id_column=id"):
        predictor.predict(tmp_path / "test.csv", id_column="idd")
    unseen = predictor.predict({"kind": ["zebra"], "size": [0.0]})
    assert len(unseen) == 1
    assert any("zebra" in note or "kind" in note for note in unseen.notes)


def test_top_k(run_of: Run) -> None:
    predictor = lossbook.load(run_of("loss=cross_entropy", "data=digits"))
    images = torch.rand(3, 1, 8, 8)
    table = predictor.predict(images, top_k=2).table()
    whole = predictor.predict(images)
    assert table.columns == ["name", "prediction", "confidence", "top_1", "p_top_1", "top_2", "p_top_2"]
    assert table["top_1"].to_list() == whole.predictions.tolist()
    assert whole.probabilities is not None
    assert table["p_top_2"].to_numpy() == pytest.approx(np.sort(whole.probabilities)[:, -2])
    for most in (0, 11):
        with pytest.raises(UserError, match="from 1 to 10"):
            predictor.predict(images, top_k=most)
    with pytest.raises(UserError, match="gives none"):
        lossbook.load(run_of("loss=poisson_nll", "data=scene_counts")).predict(torch.rand(1, 1, 24, 24), top_k=1)


def test_what_cannot_be_loaded(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no checkpoints"):
        lossbook.load(tmp_path)
    with pytest.raises(UserError, match="does not exist"):
        lossbook.load(tmp_path / "no.ckpt")
    with pytest.raises(UserError, match="auto, cpu or cuda"):
        lossbook.load(tmp_path, device="gpu")


def test_inputs_that_are_none(run_of: Run, tmp_path: Path) -> None:
    predictor = lossbook.load(run_of("loss=cross_entropy", "data=digits"))
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"a\.png"):
        predictor.predict(tmp_path)
    with pytest.raises(UserError):
        predictor.predict({"size": [1.0]})
    with pytest.raises(UserError, match="Only the rows of a table"):
        predictor.predict(torch.rand(1, 1, 8, 8), id_column="id")
