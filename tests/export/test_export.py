"""Checkpoints of every model and kind of target, exported and run again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image
from polars.testing import assert_frame_equal

import lossbook
from lossbook.commands.export import main as command_export
from lossbook.commands.predict import main as command_predict
from lossbook.config.resolve import plain
from lossbook.errors import UserError
from lossbook.export.checkpoint import trained
from lossbook.export.export import export
from lossbook.export.formats import FILE, FORMATS
from lossbook.export.onnx_network import OnnxNetwork
from lossbook.export.samples import samples_of
from lossbook.prediction.network import CheckpointNetwork, decided
from lossbook.trust import OWN_CONFIG

SHORT = ("data.limit=64", "data.batch_size=32", "trainer=cpu", "trainer.max_epochs=1", "logger=none")
Train = Callable[..., Path]

CASES = [  # loss and data, model, heights and widths by format; "": no images
    (("loss=cross_entropy",), "cnn", "any", "any"),
    (("loss=cross_entropy",), "cnn_grid", "fixed", "fixed"),
    (("loss=nll",), "mlp", "fixed", "fixed"),
    (("loss=cross_entropy", "data=digit_tokens"), "bag", None, None),
    (("loss=cross_entropy", "model.arch=mobilenet_v3_small"), "torchvision", "any", "fixed"),
    (("loss=kl_div",), "cnn", "any", "any"),
    (("loss=bce", "data=breast_cancer"), "mlp", None, None),
    (("loss=soft_margin", "data=breast_cancer"), "mlp", None, None),
    (("loss=mse",), "mlp", None, None),
    (("loss=margin_ranking",), "mlp", None, None),
    (("loss=poisson_nll",), "cnn", "any", "any"),
    (("loss=smooth_l1", "data=scene_counts"), "cnn", "any", "any"),
    (("loss=bce_logits", "data=scene_labels"), "cnn", "any", "any"),
    (("loss=multilabel_margin",), "cnn", "any", "any"),
    (("loss=cross_entropy", "data=digit_mixtures"), "cnn", "any", "any"),
    (("loss=dice", "data=scene_masks"), "unet", "any", "in steps of 32"),
    (("loss=ctc",), "crnn", "any", "fixed"),
    (("loss=info_nce",), "cnn_grid", "fixed", "fixed"),
    (("loss=triplet_margin",), "cnn", "any", "any"),
    (("loss=triplet_margin", "data=digit_triplets"), "cnn", "any", "any"),
    (("loss=cosine_embedding", "data=digit_pairs"), "cnn", "any", "any"),
    (("experiment=two_heads",), "cnn", "any", "any"),
    (("loss=sum",), "unet", "any", "in steps of 32"),  # cross_entropy and dice on masks
    (("loss=cross_entropy", "callbacks=ema"), "cnn", "any", "any"),
]


@pytest.fixture(scope="module")
def train(tmp_path_factory: pytest.TempPathFactory) -> Train:
    """Trains shortly, once for the same arguments; gives the checkpoint."""
    known: dict[tuple[str, ...], Path] = {}

    def run(*arguments: str) -> Path:
        if arguments not in known:
            folder = tmp_path_factory.mktemp("run")
            lossbook.train(lossbook.compose(*arguments, *SHORT), folder)
            known[arguments] = folder / "checkpoints" / "best.ckpt"
        return known[arguments]

    return run


@pytest.fixture(scope="module")
def table(train: Train) -> Path:
    """A checkpoint of a small table."""
    return train("loss=bce", "data=breast_cancer")


def composed(ckpt: Path, *arguments: str) -> Any:
    return lossbook.compose(f"ckpt={ckpt}", *arguments)


@pytest.mark.slow
@pytest.mark.parametrize(("arguments", "model", "onnx", "torch_export"), CASES)
def test_every_kind_of_target_and_model(
    train: Train, tmp_path: Path, arguments: tuple[str, ...], model: str, onnx: str | None, torch_export: str | None
) -> None:
    ckpt = train(*arguments, f"model={model}")
    for form, sizes in (("onnx", onnx), ("torch_export", torch_export)):
        done = export(composed(ckpt), form, tmp_path / f"model{FORMATS[form].suffix}")
        assert done["sizes"] == sizes
        assert done["difference"] < 1e-5
    _predicts_as_the_checkpoint(ckpt, tmp_path / "model.onnx")


def _predicts_as_the_checkpoint(ckpt: Path, file: Path) -> None:
    values = plain(composed(ckpt))
    checkpoint, onnx = CheckpointNetwork(values, "cpu"), OnnxNetwork(file)
    samples = samples_of(values["data"], checkpoint.fitted, OWN_CONFIG, 12)
    batch = {"input": samples.input}
    assert onnx.fitted == replace(checkpoint.fitted, known=None)
    assert onnx.thresholds.keys() == checkpoint.thresholds.keys()
    expected = decided(checkpoint, batch)
    for head, found in decided(onnx, batch).items():
        _close(found.decision, expected[head].decision)
        _close(found.probability, expected[head].probability)
        _close(found.confidence, expected[head].confidence)


def _close(found: torch.Tensor | None, expected: torch.Tensor | None) -> None:
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        torch.testing.assert_close(found.double(), expected.double(), rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_the_command_gives_the_table_of_the_checkpoint(tmp_path: Path, train: Train) -> None:
    photos = tmp_path / "photos"
    for name in ("a, cat", "dog"):
        (photos / name).mkdir(parents=True)
        for number in range(12):
            pixels = np.random.default_rng(number).integers(0, 256, (9, 8, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(photos / name / f"{number}.png")
    ckpt = train("loss=cross_entropy", "data=image_folder", f"data.root={photos}", "data.image_size=8")
    table = tmp_path / "table.csv"
    rows = (f"{row * row % 11},{'xyz'[row % 3]},{row % 2 or ''},{row % 7}\n" for row in range(60))
    table.write_text("a,b,c,y\n" + "".join(rows))
    other = train("loss=mse", "data=table", f"data.root={table}", "data.target_columns=[y]", "data.target=value")
    for path, inputs in ((ckpt, photos), (other, table)):
        assert command_export([f"ckpt={path.parents[1]}"]) == 0
        tables = []
        for suffix in (".ckpt", ".onnx"):
            output = tmp_path / f"{inputs.name}{suffix}.parquet"
            assert command_predict([f"ckpt={path.with_suffix(suffix)}", f"input={inputs}", f"output={output}"]) == 0
            tables.append(pl.read_parquet(output))
        assert_frame_equal(*tables, abs_tol=1e-4, rel_tol=1e-4)
        assert len(tables[0]) in (24, 60)


def test_averaged_weights_are_those_of_an_evaluation(train: Train) -> None:
    ckpt = train("loss=cross_entropy", "callbacks=ema", "model=cnn")
    saved = torch.load(ckpt, weights_only=True)
    assert saved["current_model_state"]
    weights = trained(plain(composed(ckpt))).task.networks["model"].state_dict()
    assert all(torch.equal(value, saved["state_dict"][f"model.{name}"]) for name, value in weights.items())


def test_the_file_lies_beside_the_checkpoint_and_is_not_overwritten_unasked(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = export(composed(table), "torch_export")
    file = table.with_suffix(".pt2")
    assert done["output"] == str(file)
    said = capsys.readouterr().out
    assert all(
        word in said for word in (str(file), "any number of samples of 30", "5 samples of the data", "batch of 1")
    )
    before = file.stat().st_mtime_ns
    with pytest.raises(UserError, match="is there already"):
        export(composed(table), "torch_export")
    assert file.stat().st_mtime_ns == before
    export(composed(table), "torch_export", overwrite=True)
    assert file.stat().st_mtime_ns > before
    extra = {FILE: ""}
    torch.export.load(file, extra_files=extra)
    assert json.loads(extra[FILE])["inputs"] == {"input": {"dtype": "float32", "shape": ["batch", 30]}}


@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16-true", "32-true"])
def test_numbers_are_of_single_precision_which_is_said_where_training_had_another(
    tmp_path: Path, train: Train, capsys: pytest.CaptureFixture[str], precision: str
) -> None:
    ckpt = train("loss=cross_entropy", "data=breast_cancer", f"trainer.precision={precision}")
    capsys.readouterr()
    done = export(composed(ckpt), "torch_export", tmp_path / "network.pt2")
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("numbers")]
    assert [f"in {precision}," in line for line in said] == ([] if precision == "32-true" else [True])
    assert done["difference"] < 1e-5
    output = torch.export.load(tmp_path / "network.pt2").module()(torch.randn(3, 30))[0]
    assert output.dtype == torch.float32


@pytest.mark.parametrize(
    ("form", "output", "said", "fix"),
    [
        ("onx", "a.onnx", "format=onx", "format=onnx"),
        ("tensorrt", "a.onnx", "The formats are onnx, torch_export", "format=torch_export"),
        ("onnx", "a.pt2", "ends in .onnx", "format=torch_export"),
        ("onnx", "a b", "ends in .onnx", "a b.onnx'"),
        ("onnx", "gone/a.onnx", "There is no folder", "mkdir -p "),
        ("onnx", ".", "is a folder", "model.onnx"),
    ],
)
def test_places_and_formats_that_are_none(
    table: Path, tmp_path: Path, form: str, output: str, said: str, fix: str
) -> None:
    with pytest.raises(UserError, match=said) as caught:
        export(composed(table), form, tmp_path / output)
    assert fix in caught.value.problems[0].fix
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("given", ["optim.lr=1", "data.batch_size=7", "model=cnn", "seed=3"])
def test_what_has_no_effect_is_refused(table: Path, tmp_path: Path, given: str) -> None:
    with pytest.raises(UserError) as caught:
        export(composed(table, given), "torch_export", tmp_path / "a.pt2")
    (problem,) = caught.value.problems
    assert (problem.given, problem.fix) == (given, f"remove {given}")


def test_without_a_checkpoint_it_says_so() -> None:
    with pytest.raises(UserError, match="ckpt is not given"):
        export(lossbook.compose("loss=nll"))


def test_a_checkpoint_that_does_not_know_its_data_is_refused(table: Path, tmp_path: Path) -> None:
    saved = torch.load(table, weights_only=True)
    saved["lossbook"].pop("data")
    torch.save(saved, tmp_path / "old.ckpt")
    with pytest.raises(UserError, match="an earlier version"):
        export(composed(tmp_path / "old.ckpt"), "torch_export")
    assert [path.name for path in tmp_path.iterdir()] == ["old.ckpt"]


def test_weights_of_another_shape_are_refused(table: Path, tmp_path: Path) -> None:
    saved = torch.load(table, weights_only=True)
    name = next(iter(saved["state_dict"]))
    saved["state_dict"][name] = saved["state_dict"][name][:3]
    torch.save(saved, tmp_path / "odd.ckpt")
    with pytest.raises(UserError, match="do not fit"):
        export(composed(tmp_path / "odd.ckpt"), "torch_export")
