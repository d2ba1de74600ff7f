"""Private names of other libraries are used in one file for each: a release that changes one breaks that file alone."""

from __future__ import annotations

import ast
import importlib.util
import pydoc
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = [path for folder in ("src", "scripts") for path in sorted((ROOT / folder).rglob("*.py"))]
ALLOWED = {  # library -> the file that may use its private names
    "hydra": "src/lossbook/config/hydra_internals.py",
    "omegaconf": "src/lossbook/config/hydra_internals.py",
    "lightning": "src/lossbook/training/lightning_internals.py",
}
_OF_OTHERS = {"_computed", "_actions"}  # torchmetrics' and argparse's, though these libraries have the name, too
_DEFINED = re.compile(r"(?:\bdef|\bclass)\s+(_\w+)|\bself\.(_\w+)\s*(?::|=[^=])|^\s*(_\w+)\s*(?::|=[^=])", re.MULTILINE)


def private(name: str) -> bool:
    """``_name``, and neither ``__name__`` nor ``_target_``, which is a key of a config."""
    return name.startswith("_") and not name.endswith("_")


def defined(text: str) -> set[str]:
    return {name for names in _DEFINED.findall(text) for name in names if private(name)}


@cache
def names_of(library: str) -> frozenset[str]:
    """The private names that a library defines."""
    spec = importlib.util.find_spec(library)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    files = [path for place in spec.submodule_search_locations for path in Path(place).rglob("*.py")]
    return frozenset().union(*(defined(path.read_text(encoding="utf-8")) for path in files))


def used(text: str) -> Iterator[tuple[str | None, str, int]]:
    """The private names in a file that it does not define itself: the library if it is known, the name, the line."""
    tree, own = ast.parse(text), defined(text)
    imported: dict[str, str] = {}  # name in the file -> dotted path
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                imported[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
                yield from _in_path(alias.name, node.lineno)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                imported[alias.asname or alias.name] = f"{node.module}.{alias.name}"
            yield from _in_path(node.module, node.lineno)
            yield from (
                (node.module.partition(".")[0], one.name, node.lineno) for one in node.names if private(one.name)
            )
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and private(node.attr) and node.attr not in own:
            yield _library(node.value, imported), node.attr, node.lineno
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _BY_NAME:
            for one in node.args[1:2]:
                if isinstance(one, ast.Constant) and private(str(one.value)):
                    yield None, str(one.value), node.lineno
        elif isinstance(node, ast.ClassDef):
            methods = [one.name for one in node.body if isinstance(one, ast.FunctionDef) and private(one.name)]
            for base in node.bases:
                library = _library(base, imported)
                found = pydoc.locate(_path(base, imported)) if library and methods else None
                yield from ((library, name, node.lineno) for name in methods if hasattr(found, name))


_BY_NAME = ("getattr", "setattr", "hasattr", "delattr")


def _in_path(module: str, line: int) -> Iterator[tuple[str, str, int]]:
    library, *inner = module.split(".")
    yield from ((library, name, line) for name in inner if private(name))


def _path(node: ast.expr, imported: dict[str, str]) -> str:
    """The dotted path of an expression such as ``hydra.plugins.Launcher``; empty where it begins with no import."""
    first, dot, rest = ast.unparse(node).partition(".")
    return f"{imported[first]}{dot}{rest}" if first in imported else ""


def _library(node: ast.expr, imported: dict[str, str]) -> str | None:
    """The library that an expression names; None if it need not be one, as of ``trainer`` or a class of our own."""
    library = _path(node, imported).partition(".")[0]
    return None if library in ("", "lossbook", "hydra_plugins") or not isinstance(node, _NAMED) else library


_NAMED = (ast.Name, ast.Attribute)


def private_names(text: str, library: str) -> list[tuple[str, int]]:
    """The private names of a library's that a file uses, with their lines."""
    found = {
        (name, line)
        for owner, name, line in used(text)
        if owner == library or (owner is None and name in names_of(library) - _OF_OTHERS)
    }
    return sorted(found, key=lambda one: one[1])


@pytest.mark.parametrize(
    "library",
    [
        "hydra",
        "omegaconf",
        "lightning",
    ],
)
def test_private_names_stand_in_one_file(library: str) -> None:
    allowed = ROOT / ALLOWED[library]
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in FILES
        if path != allowed
        for name, line in private_names(path.read_text(encoding="utf-8"), library)
    ]
    assert found == []


def test_texts_of_hydras_errors_are_read_in_one_file() -> None:
    reads = ROOT / "src/lossbook/config/hydra_messages.py"
    phrases = set(re.findall(r"""r"([A-Z][\w ]{7,})""", reads.read_text(encoding="utf-8")))
    assert len(phrases) > 9
    found = [
        f"{path.relative_to(ROOT)}: {phrase}"
        for path in FILES
        if path != reads
        for phrase in phrases
        if phrase in path.read_text(encoding="utf-8")
    ]
    assert found == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("from hydra._internal.utils import get_args_parser", ["_internal"]),
        ("from hydra.core.utils import _flush_loggers", ["_flush_loggers"]),
        ("from hydra import version\nversion._get_version('1.3')", ["_get_version"]),
        ("getattr(loader, '_load_single_config')", ["_load_single_config"]),
        ("class A:\n def f(self, loader): loader._load_single_config()", ["_load_single_config"]),
        (
            "from hydra.core.plugins import Plugins\nclass A(Plugins):\n def _initialize(self): ...",
            ["_initialize"],
        ),
        ("class A:\n def _load_single_config(self): self._load_single_config()", []),
        ("node['_target_']", []),
    ],
)
def test_what_counts_as_private(text: str, names: list[str]) -> None:
    assert [name for name, _ in private_names(text, "hydra")] == names
