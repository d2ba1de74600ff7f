"""Imports point one way: what is above uses what is below, and no two modules use each other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# From top to bottom. A module may import from its own package and from lines below; neighbours in a line ignore each
# other. A module that is listed by itself does not stand with its package.
LAYERS = (
    "scripts __main__",
    "console",
    "commands hydra_plugins",
    "search",
    "sweeps",
    "prediction",
    "report export",
    "training",
    "tasks config plots",
    "losses",
    "data",
    "targets",
    "optim",
    "metrics models",
    "data.positive_class data.scale",
    "data.schema",
    "checkpoints records",
    "build",
    "annotations collector exits files formatting invocation naming orphans processes ranges renamed rng trust",
    "errors",
)
EXCEPTIONS = {  # (module, what it imports): why
    ("training.trial", "lossbook"): "asks where the package lies, to tell users' code from its own in a traceback",
    ("sweeps.worker_process", "search.pruning"): "a job of a search reports its epochs, from within the job's process",
}
SLOW = {"torch", "torchmetrics", "torchvision", "lightning", "sklearn", "scipy", "pandas", "matplotlib", "optuna"}


def named(path: Path) -> str:
    """The dotted path of a module, without ``lossbook.``."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts[1:] if parts[0] == "src" else parts
    parts = parts[:-1] if parts[-1] == "__init__" else parts
    return ".".join(parts[1:] if parts[0] == "lossbook" and len(parts) > 1 else parts)


MODULES = {named(path): path for folder in ("src", "scripts") for path in sorted((ROOT / folder).rglob("*.py"))}


def statements(node: ast.AST, inner: bool) -> Iterator[ast.AST]:
    """The nodes of a tree but for ``if TYPE_CHECKING``; ``inner``: also those within functions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            yield from statements(ast.Module(child.orelse, []), inner)
        elif inner or not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from statements(child, inner)


def imports_in(text: str, inner: bool = True) -> set[str]:
    """What a file imports: modules of ours, without ``lossbook.``, and the names of other libraries."""
    found = set()
    for node in statements(ast.parse(text), inner):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports are not looked at"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            own = name.removeprefix("lossbook.")
            package = own.rpartition(".")[0]
            found.add(own if own in MODULES else package if package in MODULES else name.partition(".")[0])
    return found


@cache
def imported(module: str, inner: bool = True) -> frozenset[str]:
    return frozenset(imports_in(MODULES[module].read_text(encoding="utf-8"), inner))


def imported_of_ours(module: str, inner: bool = True) -> set[str]:
    """Modules of ours that a module imports; ``targets`` looks for its kinds by itself."""
    kinds = {one for one in MODULES if one.startswith("targets.")} if module == "targets" else set()
    return (imported(module, inner) & MODULES.keys()) | kinds


def layer(module: str) -> tuple[int, str]:
    """The line a module belongs to, counted from the top, and the entry in it."""
    places = {name: number for number, line in enumerate(LAYERS) for name in line.split()}
    parts = module.split(".")
    names = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return next((places[name], name) for name in names if name in places)


def upward(module: str) -> list[str]:
    """The modules of ours that a module imports and must not."""
    number, entry = layer(module)
    return [
        other
        for other in sorted(imported_of_ours(module))
        if other == "lossbook" or (layer(other)[0] <= number and layer(other)[1] != entry)
        if (module, other) not in EXCEPTIONS
    ]


@pytest.mark.parametrize("module", sorted(MODULES.keys() - {"lossbook"}))
def test_imports_point_down(module: str) -> None:
    assert upward(module) == []


def test_every_exception_and_every_entry_of_the_table_is_in_use() -> None:
    assert [pair for pair in EXCEPTIONS if pair[1] not in imported_of_ours(pair[0])] == []
    assert {layer(module)[1] for module in MODULES.keys() - {"lossbook"}} == {*" ".join(LAYERS).split()}


def test_no_modules_import_each_other() -> None:
    graph = {module: imported_of_ours(module) - {module} for module in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def test_a_config_is_read_and_checked_before_torch_is_imported() -> None:
    waiting, seen = [module for module in MODULES if module.startswith("config.")], dict[str, str]()
    slow = []
    while waiting:
        module = waiting.pop()
        slow += [f"{module}: {name}" for name in imported(module, inner=False) & SLOW]
        packages = {module.rpartition(".")[0]} & MODULES.keys()
        new = (imported_of_ours(module, inner=False) | packages) - seen.keys()
        seen |= dict.fromkeys(new, module)
        waiting += sorted(new)
    assert slow == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("import torch\nfrom lossbook.data.schema import Schema", {"torch", "data.schema"}),
        ("from lossbook.data import schema, source", {"data.schema", "data.source"}),
        ("import lossbook", {"lossbook"}),
        ("if TYPE_CHECKING:\n    import torch\nelse:\n    import numpy", {"numpy"}),
        ("def f():\n    import torch", {"torch"}),
    ],
)
def test_what_counts_as_imported(text: str, names: set[str]) -> None:
    assert imports_in(text) == names


def test_what_a_function_imports_can_be_left_out() -> None:
    assert imports_in("class A:\n    import numpy\n    def f(self):\n        import torch", inner=False) == {"numpy"}
