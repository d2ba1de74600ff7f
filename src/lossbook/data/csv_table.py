"""A CSV file as columns of text or numbers, with errors that name file, line and column."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lossbook.errors import UserError, nearest, refuse

SEMICOLON = "\"data.delimiter=';'\""  # as the shell and Hydra's grammar both want it quoted


@dataclass(frozen=True)
class Table:
    """The cells of a file.

    Args:
        path: of the file.
        header: column names.
        rows: cells of each row, as many as the header's.
        lines: the line of each row in the file.
    """

    path: Path
    header: list[str]
    rows: list[list[str]]
    lines: list[int]

    def column(self, name: str) -> int:
        """The number of a column."""
        if name not in self.header:
            close = nearest(str(name), self.header)
            for mark in ";|" if len(self.header) == 1 else "":
                if mark in self.header[0]:
                    rule = f"The whole header line is one column: {self.header[0][:80]}."
                    raise refuse(f"{self.path} has no column {name}", rule, SEMICOLON.replace(";", mark))
            raise refuse(
                f"{self.path} has no column {name}",
                f"Its columns: {', '.join(self.header[:12])}{', ...' if len(self.header) > 12 else ''}.",
                f"{close}?" if close else "take a name from the header line",
            )
        return self.header.index(name)

    def cells(self, name: str) -> list[str]:
        """A column's text; an empty cell is refused."""
        column = self.column(name)
        values = [row[column].strip() for row in self.rows]
        if "" in values:
            raise self._refusal(
                values.index(""), name, "is empty", "Every cell has a value.", "fill it or delete the row"
            )
        return values

    def numbers(self, name: str) -> np.ndarray:
        """A column's finite numbers, (N,) float64."""
        values = self.cells(name)
        try:
            numbers = np.array(values, dtype=np.float64)
        except ValueError:
            row = next(row for row, value in enumerate(values) if not _is_number(value))
            raise self._refusal(
                row,
                name,
                f"is {values[row]!r}",
                "Features and all targets but classes are numbers.",
                "write it as numbers, or name the columns to use with data.feature_columns=[...]",
            ) from None
        if not np.isfinite(numbers).all():
            row = int(np.flatnonzero(~np.isfinite(numbers))[0])
            raise self._refusal(row, name, f"is {values[row]}", "Numbers are finite.", "fill it or delete the row")
        return numbers

    def _refusal(self, row: int, name: str, what: str, rule: str, fix: str) -> UserError:
        return refuse(f"{self.path} line {self.lines[row]}: {name} {what}", rule, fix)


def read_table(path: Path, delimiter: str) -> Table:
    """The cells of a UTF-8 file with a header line; empty lines are passed over.

    Raises:
        UserError: the file is missing, not text, empty, or not a rectangle.
    """
    if not isinstance(delimiter, str) or len(delimiter) != 1:
        raise refuse(f"data.delimiter={delimiter!r}", "The delimiter is a single character.", SEMICOLON)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            numbered = [(row, reader.line_num) for row in reader if row]
    except OSError as error:
        raise refuse(
            f"data.root: {path} cannot be read ({error.strerror})",
            "It is a CSV file, or a folder with train.csv, val.csv and test.csv.",
            "data.root=PATH",
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise refuse(f"{path} is not a CSV file in UTF-8", str(error), "save it as CSV, UTF-8") from error
    if len(numbered) < 2:
        raise refuse(f"{path} has no rows", "A header line with the columns' names comes first, then rows.", "add rows")
    header = [name.strip() for name in numbered[0][0]]
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise refuse(f"{path} has two columns {twice!r}", "Every column has a name of its own.", "rename one")
    for row, line in numbered[1:]:
        if len(row) != len(header):
            raise refuse(
                f"{path} line {line} has {len(row)} cells",
                f"The header has {len(header)}.",
                f"mend the line, or {SEMICOLON}",
            )
    return Table(path, header, [row for row, _ in numbered[1:]], [line for _, line in numbered[1:]])


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True
