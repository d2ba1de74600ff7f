"""What a test says of classes and samples, against numpy on the same predictions."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import lossbook
from lossbook.training.details import HeadDetails, Mistake
from lossbook.training.details_files import print_details, write_details
from lossbook.training.evaluate import evaluate

SHORT = ("data.limit=120", "data.batch_size=32", "trainer=cpu", "logger=none", "trainer.max_epochs=2")


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def evaluated(folder: Path, *overrides: str) -> dict[str, float]:
    lossbook.train(lossbook.compose(*SHORT, *overrides), folder / "run")
    ckpt = folder / "run" / "checkpoints" / "best.ckpt"
    return evaluate(lossbook.compose(f"ckpt={ckpt}", "trainer=cpu"), output=folder / "out", worst=30)


def test_classes(tmp_path: Path, capsys: Any) -> None:
    metrics = evaluated(tmp_path, "model=mlp", "data=digits")
    out = tmp_path / "out"
    assert {file.name for file in out.iterdir()} == {
        "metrics.json", "classes.csv", "confusion.csv", "confusion.png", "mistakes.csv"
    }  # fmt: skip
    rows = read(out / "confusion.csv")
    matrix = np.array([[int(row[str(name)]) for name in range(10)] for row in rows])
    assert matrix.sum() == 120
    assert np.trace(matrix) / 120 == pytest.approx(metrics["test/acc"])
    classes = read(out / "classes.csv")
    assert [int(row["samples"]) for row in classes] == matrix.sum(1).tolist()
    f1 = np.mean([float(row["f1"] or 0) for row in classes])
    assert f1 == pytest.approx(metrics["test/f1"], abs=1e-6)
    mistakes = read(out / "mistakes.csv")
    assert len(mistakes) == min(30, 120 - np.trace(matrix))
    assert all(row["target"] != row["prediction"] for row in mistakes)
    severity = [float(row["severity"]) for row in mistakes]
    assert severity == sorted(severity, reverse=True)
    assert [row["confidence"] for row in mistakes] == [row["severity"] for row in mistakes]
    record = json.loads((out / "metrics.json").read_text())
    assert record["metrics"]["test/acc"] == metrics["test/acc"]
    assert set(record["calibration"]["target"]) == {"temperature", "ece", "ece_uncalibrated"}
    said = capsys.readouterr().out
    assert f"{120 - np.trace(matrix)} of 120 samples; the worst:" in said
    assert (out / "confusion.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("overrides", "files"),
    [
        (("loss=mse", "data=diabetes"), {"mistakes.csv"}),
        (("loss=bce_logits", "data=scene_labels", "model=mlp"), {"classes.csv", "confusion.csv", "mistakes.csv"}),
        (("loss=kl_div", "data=digit_mixtures", "model=mlp"), {"mistakes.csv"}),
        (("loss=hinge_embedding", "data=digit_pairs", "model=mlp"), {"mistakes.csv"}),
        (("loss=triplet_margin", "data=digits", "model=mlp"), set()),
        (
            ("experiment=two_heads", "model=mlp"),
            {"labels_classes.csv", "labels_confusion.csv", "labels_mistakes.csv", "count_mistakes.csv"},
        ),
    ],
)
def test_kinds(tmp_path: Path, overrides: tuple[str, ...], files: set[str]) -> None:
    evaluated(tmp_path, *overrides)
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"metrics.json", *files}


def test_the_largest_error_comes_first(tmp_path: Path) -> None:
    evaluated(tmp_path, "loss=mse", "data=diabetes", "data.limit=67")
    rows = read(tmp_path / "out" / "mistakes.csv")
    errors = [abs(float(row["prediction"]) - float(row["target"])) for row in rows]
    assert errors == sorted(errors, reverse=True)
    assert len(errors) == 30


def test_nothing_is_written_unless_asked(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    lossbook.train(lossbook.compose(*SHORT, "model=mlp"), tmp_path / "run")
    before = sorted(tmp_path.rglob("*"))
    evaluate(lossbook.compose("ckpt=run/checkpoints/best.ckpt", "trainer=cpu"))
    assert sorted(tmp_path.rglob("*")) == before


def test_many_classes_and_odd_names(tmp_path: Path) -> None:
    names = tuple(f"[bold]{number}, {'x' * number}" for number in range(70))
    confusion = np.eye(70, dtype=int) * 12_000
    rows: Any = [{"class": name, "samples": 3, "f1": number / 70} for number, name in enumerate(names)]
    mistake = Mistake(0.5, 0, "[/bold]", "", 0.5)
    found = HeadDetails(names, confusion, rows, [mistake], 1, {})
    write_details(tmp_path, {"test/loss": float("nan")}, {"": found}, str)
    assert json.loads((tmp_path / "metrics.json").read_text()) == {"metrics": {"test/loss": None}}
    assert read(tmp_path / "confusion.csv")[3][names[3]] == "12000"
    out = Console(width=200, record=True, file=io.StringIO())
    print_details(out, {"": found}, lambda index: "a [b].png", 10)
    said = out.export_text()
    assert "the 20 of 70 classes with the lowest f1" in said
    assert "[bold]0," in said
    assert "a [b].png: [/bold], not nothing (0.50)" in said
