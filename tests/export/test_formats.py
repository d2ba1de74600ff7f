"""What the formats need."""

from __future__ import annotations

import sys

import pytest

from lossbook.errors import UserError
from lossbook.export.export import SUFFIXES
from lossbook.export.formats import FORMATS, format_of


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_a_package_that_is_missing_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=f"the package {package}") as caught:
        format_of("onnx")
    assert caught.value.problems[0].fix == "pip install 'lossbook[onnx]'"
    assert format_of("torch_export").name == "torch_export"


def test_names_of_files_are_known_before_torch_is_imported() -> None:
    assert {name: one.suffix for name, one in FORMATS.items()} == SUFFIXES
