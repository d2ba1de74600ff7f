from __future__ import annotations

import subprocess
import sys

import pytest

from lossbook.models.input_kinds import input_kind, may_embed


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ({}, "numbers"),
        ({"inputs": "tokens"}, "tokens"),
        ({"categories": "onehot"}, "numbers"),
        ({"categories": "embedding"}, "categories"),
    ],
)
def test_the_kind_of_inputs(data: dict, kind: str) -> None:
    assert input_kind(data) == kind


def test_what_only_embeds_categories_has_no_embeddings_for_numbers() -> None:
    mlp = {"takes": ["numbers", "categories"]}
    assert not may_embed(mlp, {"categories": "onehot"})
    assert may_embed(mlp, {"categories": "embedding"})
    assert may_embed({"takes": ["tokens"]}, {"inputs": "tokens"})
    assert may_embed({}, {})  # of a user's own network nothing is known


def test_it_needs_no_torch() -> None:
    code = "import sys, lossbook.models.input_kinds; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
