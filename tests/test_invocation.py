from __future__ import annotations

import sys

import pytest

import lossbook
from lossbook.invocation import as_typed, command_file, module_folder, words


def test_a_command_is_said_as_it_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "python scripts/train.py -m; scripts/find_lr.py; my/scripts.py"
    monkeypatch.setattr(sys, "argv", ["scripts/train.py"])
    assert as_typed(said) == said
    monkeypatch.setattr(sys, "argv", [str(command_file("train"))])
    assert as_typed(said) == "lossbook train -m; lossbook find-lr; my/scripts.py"


def test_the_words_of_a_script_on_whatever_machine_it_was_installed() -> None:
    assert words("/usr/lib/python3.12/site-packages/lossbook/commands/find_lr.py") == ["lossbook", "find-lr"]
    assert words("scripts/train.py") == ["python", "scripts/train.py"]


def test_modules_of_a_command_are_not_found_by_their_short_names() -> None:
    assert module_folder("/a/scripts/train.py") == "/a/scripts"
    assert module_folder(str(command_file("train"))) == lossbook.__file__.removesuffix("/lossbook/__init__.py")
    assert command_file("train").is_file()
