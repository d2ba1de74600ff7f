"""What predict reads of an ONNX file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from lossbook.data.schema import Schema
from lossbook.errors import UserError
from lossbook.export.formats import FORMATS
from lossbook.export.metadata import describe
from lossbook.export.onnx_network import OnnxNetwork
from lossbook.export.samples import random_samples
from lossbook.export.write import write


@pytest.fixture
def file(raw: Callable, tmp_path: Path) -> Callable[..., tuple[Path, Any]]:
    """Writes a network; gives the file and the network."""

    def make(schema: Schema, loss: str, model: nn.Module, text: str | None = None, **options: Any) -> tuple[Path, Any]:
        network, fitted, heads = raw(schema, loss, model=model, **options)
        written = describe(fitted, heads, options.get("thresholds") or {}, {}).text() if text is None else text
        path = tmp_path / "model.onnx"
        write(path, FORMATS["onnx"], network, schema, random_samples(schema, 2), lambda *_: written)
        return path, network

    return make


@pytest.mark.slow
def test_bytes_are_scaled_and_numbers_are_not(file: Callable[..., tuple[Path, Any]]) -> None:
    data = Schema("class", (1, 4, 4), 10, classes=3)
    path, network = file(
        data, "loss=cross_entropy", nn.Sequential(nn.Flatten(), nn.Linear(16, 3)), normalise=((0.5,), (0.25,))
    )
    onnx = OnnxNetwork(path)
    pixels = torch.randint(256, (3, 1, 4, 4), dtype=torch.uint8)
    expected = network.named((pixels / 255,))["output"]
    for images in (pixels, pixels / 255, (pixels / 255).double()):
        ((output, lengths),) = onnx.outputs({"input": images}).values()
        torch.testing.assert_close(output, expected, rtol=1e-4, atol=1e-4)
        assert lengths is None
    assert onnx.fitted.normalise == ((0.5,), (0.25,))


@pytest.mark.slow
def test_thresholds_and_temperatures_come_along(file: Callable[..., tuple[Path, Any]]) -> None:
    data = Schema("class", (2,), 10, classes=3)
    path, network = file(data, "loss=cross_entropy", nn.Linear(2, 3), thresholds={"temperature": 2.0})
    onnx, inputs = OnnxNetwork(path), torch.randn(4, 2)
    ((output, _),) = onnx.outputs({"input": inputs}).values()
    found = onnx.heads[""].predict(output, None, onnx.thresholds).probability
    torch.testing.assert_close(found, (output / 2).softmax(1))
    torch.testing.assert_close(found, network.named((inputs,))["probability"])


@pytest.mark.slow
def test_a_file_with_damaged_metadata_is_refused(file: Callable[..., tuple[Path, Any]]) -> None:
    path, _ = file(Schema("class", (2,), 10, classes=3), "loss=cross_entropy", nn.Linear(2, 3), text="{}")
    with pytest.raises(UserError, match="damaged"):
        OnnxNetwork(path)


def test_a_file_that_another_program_wrote_is_refused(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    values = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in ("input", "output")]
    graph = helper.make_graph([helper.make_node("Identity", ["input"], ["output"])], "g", values[:1], values[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(UserError, match="no metadata of Lossbook"):
        OnnxNetwork(tmp_path / "model.onnx")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x00" * 100, b"text"])
def test_what_is_no_onnx_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(UserError, match=r"cannot load it|no metadata") as caught:
        OnnxNetwork(tmp_path / "model.onnx")
    assert len(str(caught.value).splitlines()) <= 4


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        OnnxNetwork(tmp_path / "model.onnx")
