"""Reading a CSV file whose rows name two or three inputs that belong together or apart."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from lossbook.errors import refuse, typed

_SHOWN = 20
SAME = {"1": 1, "true": 1, "yes": 1, "same": 1, "0": 0, "-1": 0, "false": 0, "no": 0, "different": 0}
Column: TypeAlias = "str | Sequence[str]"  # of paths, or of numbers that make up a vector


@dataclass(frozen=True)
class Tuples:
    """The rows of a table.

    Args:
        paths: of each input of each row, (N) lists of K; empty where inputs are numbers.
        vectors: of each input, (N, K, D) float32; None where inputs are paths.
        same: (N,) int64, 1 for pairs that belong together and 0 for others; None without such a column.
        groups: (N,) of each row; None without such a column.
        lines: of the rows in the file.
    """

    paths: list[list[str]]
    vectors: np.ndarray | None
    same: np.ndarray | None
    groups: np.ndarray | None
    lines: list[int]

    def below(self, folder: Path) -> Tuples:
        """Return the same rows with paths below this folder."""
        return replace(self, paths=[[str(folder / Path(path).expanduser()) for path in row] for row in self.paths])

    def __len__(self) -> int:
        return len(self.lines)


def read_tuples(path: Path, columns: Sequence[Column], same_column: str | None, group_column: str | None) -> Tuples:
    """Read the inputs of each row of a CSV file, in UTF-8, separated by commas, semicolons or tabs.

    Args:
        path: of the file.
        columns: of each input: the name of a column of paths, or the names of several columns of numbers.
        same_column: says whether a pair belongs together; None for triplets.
        group_column: of groups that stay in one part; None for none.

    Raises:
        UserError: the file cannot be read, lacks a column, or has cells that are no such values.
    """
    header, rows, lines = _rows(path)
    several = [column for column in columns if not isinstance(column, str)]
    if several and (len(several) < len(columns) or len({len(column) for column in several}) > 1):
        rule = "Each input is a column of paths, or each as many columns of numbers."
        raise refuse(f"data.columns={typed(list(columns))}", rule, "data.columns=[[a1,a2],[b1,b2]]")
    wanted = [name for column in columns for name in ([column] if isinstance(column, str) else column)]
    wanted += [name for name in (same_column, group_column) if name is not None]
    if missing := [name for name in wanted if header.count(name) != 1]:
        rule = f"The file has the columns {', '.join(header) or '(none)'}; it needs one called {missing[0]}."
        raise refuse(f"{path} and the column {missing[0]}", rule, "data.columns, data.target_column, data.group_column")
    if not rows:
        raise refuse(f"{path} has no rows", "It needs a header line and a row a sample.", "add rows")
    place = {name: header.index(name) for name in wanted}
    short = [f"line {line}" for row, line in zip(rows, lines, strict=True) if len(row) != len(header)]
    _refuse_any(path, short, f"lines without {len(header)} cells", "Each row needs a cell for each column.")
    cells = {name: [row[at] for row in rows] for name, at in place.items()}
    told = [(line, name, cell) for name, column in cells.items() for cell, line in zip(column, lines, strict=True)]
    empty = [f"line {line}, {name}" for line, name, cell in told if not cell]
    _refuse_any(path, empty, "empty cells", "Each row needs all its inputs, and what is said of them.")
    paths, vectors = [], None
    if several:
        vectors = np.stack([_numbers(path, column, cells, lines) for column in several], 1)
    else:
        paths = [list(row) for row in zip(*(cells[str(column)] for column in columns), strict=True)]
    same = None if same_column is None else _same(path, cells[same_column], lines)
    groups = None if group_column is None else np.array(cells[group_column])
    return Tuples(paths, vectors, same, groups, lines)


def _rows(path: Path) -> tuple[list[str], list[list[str]], list[int]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
        delimiter = max(",;\t", key=text.partition("\n")[0].count)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        rows = [([cell.strip() for cell in row], reader.line_num) for row in reader if any(row)]
    except (OSError, ValueError, csv.Error) as error:
        rule = f"It must be a CSV file in UTF-8 with a header line ({error})."
        raise refuse(f"data.root: {path} cannot be read", rule, "data.root=FILE") from error
    return (rows[0][0] if rows else []), [row for row, _ in rows[1:]], [line for _, line in rows[1:]]


def _numbers(path: Path, column: Sequence[str], cells: dict[str, list[str]], lines: Sequence[int]) -> np.ndarray:
    found = np.full((len(lines), len(column)), np.nan, dtype=np.float32)
    wrong = []
    for place, name in enumerate(column):
        for row, cell in enumerate(cells[name]):
            with suppress(ValueError, OverflowError):
                found[row, place] = float(cell)
            if not np.isfinite(found[row, place]):
                wrong.append(f"line {lines[row]}, {name}: {cell}")
    _refuse_any(path, wrong, "cells without a number", "Columns of a vector hold finite numbers.")
    return found


def _same(path: Path, cells: Sequence[str], lines: Sequence[int]) -> np.ndarray:
    plain = [cell.lower().removesuffix(".0").removeprefix("+") for cell in cells]
    wrong = [f"line {line}: {cell}" for cell, line in zip(plain, lines, strict=True) if cell not in SAME]
    rule = "A pair belongs together (1, true, yes or same), or does not (0 or -1, false, no or different)."
    _refuse_any(path, wrong, "cells that do not say whether a pair belongs together", rule)
    return np.array([SAME[cell] for cell in plain], dtype=np.int64)


def _refuse_any(path: Path, found: Sequence[str], what: str, rule: str) -> None:
    if found:
        more = f" and {len(found) - _SHOWN:,} more" if len(found) > _SHOWN else ""
        raise refuse(f"{path} has {what}: {', '.join(found[:_SHOWN])}{more}", rule, f"correct {path}")
