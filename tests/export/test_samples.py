"""The inputs that an export is checked on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from lossbook import compose
from lossbook.config.resolve import plain
from lossbook.data.fitted import FittedData
from lossbook.data.schema import Schema
from lossbook.export.samples import Samples, random_samples, samples_of
from lossbook.training.assemble import build_data
from lossbook.trust import OWN_CONFIG


def fitted(*overrides: str) -> tuple[dict[str, Any], FittedData]:
    node = plain(compose(*overrides))["data"]
    return node, build_data(node, 0, OWN_CONFIG)[1]


def test_random_ones_lie_in_the_range_of_the_data() -> None:
    images = random_samples(Schema("class", (3, 8, 8), 1, classes=2), 4).input
    assert 0 <= images.min() < images.max() <= 1
    tokens = random_samples(Schema("class", (7,), 1, classes=2, vocabulary=5), 9).input
    assert (tokens.dtype, set(tokens.unique().tolist())) == (torch.int64, {0, 1, 2, 3, 4})
    rows = random_samples(Schema("class", (2,), 1, classes=2, categories=((1, 3),)), 50).input
    assert set(rows[:, 1].tolist()) == {0.0, 1.0, 2.0}
    assert torch.equal(rows, random_samples(Schema("class", (2,), 1, classes=2, categories=((1, 3),)), 50).input)


def test_those_of_the_data_are_not_normalised(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(12):
            pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    node, known = fitted("data=image_folder", f"data.root={tmp_path}", "data.image_size=8")
    assert known.normalise is not None
    found = samples_of(node, known, OWN_CONFIG, 3)
    assert found.input.shape == (3, 3, 8, 8)
    assert 0 <= found.input.min() < found.input.max() <= 1
    assert found.origin == "3 samples of the data"


@pytest.mark.parametrize(("data", "shape"), [("digit_pairs", (1, 8, 8)), ("digit_tokens", (256,))])
def test_those_of_any_data_are_single_inputs(data: str, shape: tuple[int, ...]) -> None:
    loss = {"digit_pairs": "loss=cosine_embedding"}.get(data, "loss=cross_entropy")
    node, known = fitted(loss, f"data={data}", "data.limit=20")
    found = samples_of(node, known, OWN_CONFIG, 4)
    assert found.input.shape == (4, *shape)
    assert (found.input.dtype == torch.int64) == (data == "digit_tokens")


def test_where_the_data_is_gone_they_are_random(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("a,b,y\n" + "".join(f"{row * row % 11},{row % 7},{row % 2}\n" for row in range(60)))
    node, known = fitted("data=csv", f"data.root={table}", "data.target_columns=[y]", "data.target=class")
    table.unlink()
    found = samples_of(node, known, OWN_CONFIG, 4)
    assert found.input.shape == (4, 2)
    assert found.origin.startswith("random inputs: the data cannot be read")


def test_a_batch_repeats_few_samples_and_takes_other_sizes() -> None:
    found = Samples(torch.rand(2, 1, 4, 8), torch.tensor([8, 4]), "")
    images, lengths = found.batch(5, ("input", "input_lengths"), (4, 16))
    assert images.shape == (5, 1, 4, 16)
    assert lengths.tolist() == [16, 8, 16, 8, 16]
    (alone,) = found.batch(1, ("input",))
    assert torch.equal(alone, found.input[:1])
