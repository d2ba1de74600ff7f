"""Finding and reading the files of a table: one, or one for each part."""

from __future__ import annotations

import os
from pathlib import Path

from lossbook.data.part_names import part_of
from lossbook.data.source import PARTS
from lossbook.data.tables.faults import listed
from lossbook.data.tables.table import Dialect, Table, read_table
from lossbook.errors import Problem, UserError, refuse, typed

WHOLE = "whole"  # key of a single table that holds all parts
SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".pq")  # each also with .gz


def read_tables(root: object, dialect: Dialect, evaluating: bool = False) -> dict[str, Table]:
    """Read a single table, under the key ``WHOLE``, or one per part with equal columns, the training part first.

    Args:
        root: file or folder.
        dialect: of texts.
        evaluating: whether only the test part is needed.

    Raises:
        UserError: files are missing or are not tables; reported together.
    """
    if isinstance(root, bool) or not isinstance(root, (str, int, Path)) or not str(root).strip():
        raise refuse(f"data.root={typed(root)}", "data.root must be the path of a file or folder.", "data.root=PATH")
    path = Path(os.path.expanduser(str(root)))
    if not os.path.isdir(path):
        table = read_table(path, dialect)
        if table.count < len(PARTS) and not evaluating:
            raise refuse(
                f"{path} has {table.count} row{'s' if table.count != 1 else ''}",
                "Training, validation and test need at least one each.",
                "add rows",
            )
        return {WHOLE: table}
    files = part_files(path)
    tables: dict[str, Table] = {}
    problems: list[Problem] = []
    for part in PARTS:
        if part not in files and part != "test" and (evaluating or (part == "val" and "test" in files)):
            continue  # without one for validation, it is taken from the training part
        try:
            tables[part] = read_table(files.get(part, path / f"{part}.csv"), dialect)
        except UserError as error:
            problems += error.problems
    first = next(iter(tables.values()), None)
    problems += [
        _unlike(table, first) for table in tables.values() if first and sorted(table.header) != sorted(first.header)
    ]
    problems += [
        problem
        for table in tables.values()
        for name in table.nested
        if first and name not in first.nested and (problem := table.unreadable(name))
    ]
    if problems:
        raise UserError(*problems)
    return tables


def is_table(path: Path) -> bool:
    """Return whether a file has the name of a table."""
    return path.name.lower().removesuffix(".gz").endswith(SUFFIXES)


def part_files(folder: Path) -> dict[str, Path]:
    """Return the file of each part, which may have any of the part's names (``Train.csv``, ``valid.parquet``)."""
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        name = path.name.lower().removesuffix(".gz")
        stem = next((name.removesuffix(suffix) for suffix in SUFFIXES if name.endswith(suffix)), None)
        part = None if stem is None else part_of(stem)
        if part in found:
            rule = f"Both are names of the {part} part, which must be one file."
            raise refuse(f"{folder} has {found[part].name} and {path.name}", rule, "remove one, or merge them")
        if part is not None:
            found[part] = path
    return found


def _unlike(table: Table, first: Table) -> Problem:
    """Return the problem of a part whose columns differ from the first part's."""
    lacks, adds = (sorted(set(a.header) - set(b.header)) for a, b in ((first, table), (table, first)))
    how = [f"it lacks {listed(lacks, 5)}"] * bool(lacks) + [f"it also has {listed(adds, 5)}"] * bool(adds)
    rule = f"All parts must have the same columns; {', and '.join(how)}."
    given = f"{table.path} has different columns from {first.path}"
    return Problem(given, rule, f"copy the header line of {first.path}")
