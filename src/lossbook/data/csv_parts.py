"""Finding and reading the files of a table: one, or one for each part."""

from __future__ import annotations

import os
from pathlib import Path

from lossbook.data.csv_faults import listed
from lossbook.data.csv_table import Table, read_table
from lossbook.data.part_names import part_of
from lossbook.data.source import PARTS
from lossbook.errors import Problem, UserError, refuse, typed

WHOLE = "whole"  # key of a single table that holds all parts


def read_tables(root: object, delimiter: object, evaluating: bool = False) -> dict[str, Table]:
    """Read a single table, under the key ``WHOLE``, or one per part with equal columns, the training part first.

    Args:
        root: file or folder.
        delimiter: between cells.
        evaluating: whether only the test part is needed.

    Raises:
        UserError: files are missing or are not tables; reported together.
    """
    if isinstance(root, bool) or not isinstance(root, (str, int, Path)) or not str(root).strip():
        raise refuse(f"data.root={typed(root)}", "data.root must be the path of a file or folder.", "data.root=PATH")
    path = Path(os.path.expanduser(str(root)))
    if not os.path.isdir(path):
        table = read_table(path, delimiter)
        if len(table.rows) < len(PARTS) and not evaluating:
            raise refuse(
                f"{path} has {len(table.rows)} row{'s' if len(table.rows) != 1 else ''}",
                "Training, validation and test need at least one each.",
                "add rows",
            )
        return {WHOLE: table}
    files = part_files(path)
    tables: dict[str, Table] = {}
    problems: list[Problem] = []
    for part in PARTS:
        if evaluating and part != "test" and part not in files:
            continue
        try:
            tables[part] = read_table(files.get(part, path / f"{part}.csv"), delimiter)
        except UserError as error:
            problems += error.problems
    first = next(iter(tables.values()), None)
    problems += [_unlike(table, first) for table in tables.values() if first and table.header != first.header]
    if problems:
        raise UserError(*problems)
    return tables


def part_files(folder: Path) -> dict[str, Path]:
    """Return the file of each part, which may have any of the part's names (``Train.csv``, ``valid.csv``)."""
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        part = part_of(path.stem) if path.suffix.lower() == ".csv" else None
        if part in found:
            rule = f"Both are names of the {part} part, which must be one file."
            raise refuse(f"{folder} has {found[part].name} and {path.name}", rule, "remove one, or merge them")
        if part is not None:
            found[part] = path
    return found


def _unlike(table: Table, first: Table) -> Problem:
    """Return the problem of a part whose header line differs from the first part's."""
    lacks, adds = (sorted(set(a.header) - set(b.header)) for a, b in ((first, table), (table, first)))
    how = [f"it lacks {listed(lacks, 5)}"] * bool(lacks) + [f"it also has {listed(adds, 5)}"] * bool(adds)
    rule = f"All parts must have the same header line; {', and '.join(how) or 'its columns are in another order'}."
    given = f"{table.path} has different columns from {first.path}"
    return Problem(given, rule, f"copy the header line of {first.path}")
