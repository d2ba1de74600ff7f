"""Checkpoints of every model and kind of target, exported and run again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import lossbook
from lossbook.config.resolve import plain
from lossbook.errors import UserError
from lossbook.export.checkpoint import trained
from lossbook.export.export import export
from lossbook.export.formats import FILE, FORMATS
from lossbook.export.network import RawNetwork, embeds
from lossbook.export.onnx_network import OnnxNetwork
from lossbook.export.samples import samples_of
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
    (("loss=sum", "loss.terms={cross_entropy: 1.0, multi_margin: 0.5}"), "cnn", "any", "any"),
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
    checkpoint, onnx = trained(values), OnnxNetwork(file)
    network = RawNetwork(checkpoint.task, checkpoint.fitted, checkpoint.thresholds)
    samples = samples_of(values["data"], checkpoint.fitted, OWN_CONFIG, 12)
    batch = {"input": samples.input, "input_lengths": samples.lengths}
    expected = network.named(samples.batch(len(samples.input), network.inputs))
    thresholds = {name: torch.tensor(value) for name, value in checkpoint.thresholds.items()}
    for head, (output, lengths) in onnx.outputs(batch).items():
        before = f"{head}_" if head else ""
        torch.testing.assert_close(output, expected[f"{before}output"], rtol=1e-4, atol=1e-4)
        assert (lengths is None) == (f"{before}lengths" not in expected)
        if embeds(onnx.heads[head]):
            continue
        own = {name.removeprefix(before): value for name, value in onnx.thresholds.items()}
        theirs = {name.removeprefix(before): value for name, value in thresholds.items()}
        found = onnx.heads[head].predict(output, lengths, own)
        said = network.heads[head].predict(expected[f"{before}output"], expected.get(f"{before}lengths"), theirs)
        torch.testing.assert_close(found.decision.double(), said.decision.double(), rtol=1e-4, atol=1e-4)
        if said.probability is not None:
            torch.testing.assert_close(found.probability, said.probability, rtol=1e-4, atol=1e-4)
            if f"{before}probability" in expected:
                torch.testing.assert_close(expected[f"{before}probability"], said.probability, rtol=1e-4, atol=1e-4)


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
