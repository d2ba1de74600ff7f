"""Files of both formats."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lossbook.data.schema import Schema
from lossbook.errors import UserError
from lossbook.export.formats import ENTRY, FILE, FORMATS, session_of
from lossbook.export.samples import random_samples
from lossbook.export.sizes import ImageSizes
from lossbook.export.write import Written, write

IMAGES = Schema("class", (1, 6, 6), 10, classes=3)


@pytest.fixture
def written(raw: Callable, tmp_path: Path) -> Callable[..., Written]:
    """Writes a network of images, or of other data, to ``tmp_path``."""

    def make(form: str, model: Any, schema: Schema = IMAGES, *overrides: str) -> Written:
        network, *_ = raw(schema, *(overrides or ("loss=cross_entropy",)), model=model)
        chosen = FORMATS[form]
        return write(
            tmp_path / f"file{chosen.suffix}", chosen, network, schema, random_samples(schema, 3),
            lambda graph, sizes, checked: json.dumps({"sizes": str(sizes), "checked": checked}),
        )  # fmt: skip

    return make


class ByBatch(nn.Module):
    """Another function of large batches than of small ones."""

    def forward(self, input: Tensor) -> Tensor:
        return input.flatten(1)[:, :3] * (2 if input.shape[0] > 3 else 1)


class BySize(nn.Module):
    """Another function of large images than of small ones."""

    def forward(self, input: Tensor) -> Tensor:
        means = input.mean((2, 3)) * torch.arange(1, 4)
        return means * (2 if input.shape[2] > 6 else 1)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATS)
def test_a_branch_on_the_number_of_samples_is_found_and_nothing_is_left(
    written: Callable[..., Written], tmp_path: Path, form: str
) -> None:
    before = tmp_path / f"file{FORMATS[form].suffix}"
    before.write_text("earlier")
    with pytest.raises(UserError, match="On inputs of 1 x 1 x 6 x 6"):
        written(form, ByBatch())
    assert [path.name for path in tmp_path.iterdir()] == [before.name]
    assert before.read_text() == "earlier"


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATS)
def test_a_branch_on_the_height_fixes_it(written: Callable[..., Written], form: str) -> None:
    made = written(form, BySize())
    assert (made.sizes, made.fixed_by) == (ImageSizes.FIXED, form)
    assert made.graph.inputs["input"].shape == ("batch", 1, 6, 6)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    ("model", "sizes", "fixed_by"),
    [
        (nn.Sequential(nn.Conv2d(1, 3, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()), ImageSizes.ANY, ""),
        (nn.Sequential(nn.Flatten(), nn.Linear(36, 3)), ImageSizes.FIXED, "the network"),
    ],
)
def test_sizes_are_free_where_they_can_be(
    written: Callable[..., Written], form: str, model: nn.Module, sizes: ImageSizes, fixed_by: str
) -> None:
    made = written(form, model)
    assert made.sizes is sizes
    assert made.difference < 1e-6
    assert made.path.is_file()
    assert made.fixed_by == (fixed_by or form)
    assert {"1 x 1 x 6 x 6", "5 x 1 x 6 x 6"} <= {*made.checked}


@pytest.mark.slow
def test_an_onnx_file_names_its_inputs_outputs_and_free_sizes(written: Callable[..., Written]) -> None:
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    session = session_of(written("onnx", model).path)
    assert [(one.name, one.shape) for one in session.get_inputs()] == [("input", ["batch", 1, "height", "width"])]
    assert [(one.name, one.shape) for one in session.get_outputs()] == [
        ("output", ["batch", 3]), ("prediction", ["batch"]), ("probability", ["batch", 3]),
    ]  # fmt: skip
    assert json.loads(session.get_modelmeta().custom_metadata_map[ENTRY])["sizes"] == "ImageSizes.ANY"


def test_a_program_of_torch_holds_its_metadata(written: Callable[..., Written]) -> None:
    extra = {FILE: ""}
    made = written(
        "torch_export", nn.Linear(2, 1), Schema("value", (2,), 10, width=1), "loss=l1", "loss.accepts.value=plain"
    )
    torch.export.load(made.path, extra_files=extra)
    assert json.loads(extra[FILE]) == {"sizes": "None", "checked": ["1 x 2", "5 x 2"]}


def test_a_folder_that_is_gone_is_said(raw: Callable, schema: Callable, tmp_path: Path) -> None:
    network, *_ = raw(schema("value"), "loss=mse")
    with pytest.raises(UserError, match="could not be written"):
        write(
            tmp_path / "gone" / "file.pt2", FORMATS["torch_export"], network, schema("value"),
            random_samples(schema("value"), 3), lambda *_: "{}",
        )  # fmt: skip
