"""Reading a CSV file as columns of text, with errors that name file and line."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lossbook.data.csv_delimiter import character, probable, setting
from lossbook.data.csv_faults import TOLD, listed, quoted
from lossbook.data.csv_numbers import is_number
from lossbook.data.csv_text import read_text
from lossbook.errors import Problem, UserError, nearest, refuse

UNNAMED = re.compile(r"|Unnamed: \d+(\.\d+)?")  # the index as pandas writes it, and as it names it when reading


@dataclass(frozen=True)
class Table:
    """The cells of a file.

    Args:
        path: of the file.
        header: column names; only unnamed ones may be repeated.
        rows: cells of each row, one per column.
        lines: line number of each row in the file.
    """

    path: Path
    header: list[str]
    rows: list[list[str]]
    lines: list[int]

    @cached_property
    def places(self) -> dict[str, int]:
        """Column name -> its index; of unnamed columns the first."""
        return {name: number for number, name in reversed(list(enumerate(self.header)))}

    def cells(self, column: str | int) -> list[str]:
        """Return the cells of a column, given by name or index, stripped of surrounding spaces."""
        number = column if isinstance(column, int) else self.places[column]
        return [row[number].strip() for row in self.rows]

    def lacks(self, name: str) -> Problem:
        """Return the problem of a column name that does not exist."""
        given, held = f"{self.path} has no column {listed([name])}", listed(self.header, 12)
        if sum(map(is_number, self.header)) * 2 >= len(self.header):
            return Problem(given, f"Its first line looks like a row, not like names: {held}.", "add a header line")
        close = nearest(name, self.header)
        fix = f"did you mean {close}?" if close else "use a name from the header line"
        return Problem(given, f"Its columns are {held}.", fix)


def read_table(path: Path, delimiter: Any) -> Table:
    """Read a UTF-8 file with a header line; empty lines are skipped.

    Args:
        path: of the file.
        delimiter: as accepted by ``csv_delimiter.character``.

    Raises:
        UserError: the file is missing, not text or empty, or its rows differ in length.
    """
    text = read_text(path)
    first, *others = text[:20_000].lstrip("\r\n").splitlines()[:4] or [""]
    mark = character(delimiter, first)
    numbered = _rows(path, text, mark)
    if re.fullmatch(r"sep=.", first):
        rule = "This line is Excel's way of stating the delimiter; the first line must be the column names."
        raise refuse(f"{path} begins with {first}", rule, f"delete this line, and {setting(first[-1])}")
    if len(numbered) < 2:
        raise refuse(f"{path} has no rows", "The file needs a header line of column names, then rows.", "add rows")
    header = [name.strip() for name in numbered[0][0]]
    if len(header) == 1:
        other = probable(first, others)
        raise refuse(
            f"{path} has one column with the delimiter {quoted(mark)}",
            f"The whole header line is one column: {quoted(first, 80)[1:-1]}."
            if other
            else f"A table needs at least a feature and a target column; this has {quoted(header[0])}.",
            setting(other) if other else "add a column",
        )
    rows = [row for row, _ in numbered[1:]]
    lines = [line for _, line in numbered[1:]]
    if problem := _ragged(path, header, rows, lines, mark):
        raise UserError(problem)
    if twice := [name for name, count in Counter(header).items() if count > 1 and not UNNAMED.fullmatch(name)]:
        rule = "Column names must be unique."
        if all(map(is_number, twice)):
            rule = f"{rule[:-1]}; this looks like a row, not like the header line."
        raise refuse(f"{path} has two columns {', '.join(map(quoted, twice[:TOLD]))}", rule, "rename one")
    return Table(path, header, rows, lines)


def _rows(path: Path, text: str, mark: str) -> list[tuple[list[str], int]]:
    """Return the cells of each non-blank row, and the number of the line on which it begins."""
    lines = io.StringIO(text, newline="")
    blank = mark == " "  # several spaces count as one, as in columns aligned by spaces
    reader = csv.reader(
        (re.sub(" +", " ", line.strip(" \r\n")) + "\n" for line in lines) if blank else lines,
        delimiter=mark,
        strict=True,
        skipinitialspace=not blank,
    )
    found, line = [], 1
    try:
        for row in reader:
            if len(row) > 1 or (row and row[0].strip()):
                found.append((row, line))
            line = reader.line_num + 1
    except csv.Error as error:
        rule = f"{error}."
        if "field larger" in str(error):
            rule = f"A cell has more than {csv.field_size_limit():,} characters, as after an unclosed quote."
        elif "end of data" in str(error):
            rule = "A quote is opened there and never closed."
        elif "expected after" in str(error):
            rule = "A closing quote must be followed by the delimiter; a quote within quotes is written twice."
        raise refuse(f"{path} line {line} is not CSV", rule, 'close the quote, or write it twice: ""') from error
    return found


def _ragged(path: Path, header: list[str], rows: list[list[str]], lines: list[int], mark: str) -> Problem | None:
    """Return the problem of rows that have more or fewer cells than the header; None where all have as many."""
    wide = len(header)
    wrong = [(len(row), line) for row, line in zip(rows, lines, strict=True) if len(row) != wide]
    if not wrong:
        return None
    cells, line = wrong[0]
    given = f"{path} line {line} has {cells} cell{'s' * (cells != 1)}"
    if len(wrong) == len(rows) and {cells for cells, _ in wrong} == {wide + 1}:
        if not any(row[-1].strip() for row in rows):
            fix = f"delete the {quoted(mark)} at the end of each line, or add it to the header line"
            return Problem(given, f"The header has {wide}: all other lines end with a delimiter.", fix)
        rule = f"The header has {wide}; all rows have one more, as with R's row names or with decimal commas."
        return Problem(given, rule, f"name the first column as well: row{mark}{listed(header[:1])}...")
    others = [f"{line} ({cells})" for cells, line in wrong[1:TOLD]]
    given += f"; likewise lines {', '.join(others)}" if others else ""
    given += f" and {len(wrong) - TOLD:,} more" if len(wrong) > TOLD else ""
    other = probable(mark.join(header).replace(mark, ""))
    fix = "correct the lines: a cell that contains the delimiter must be in double quotes"
    if other is not None and other != " ":
        fix += f"; or {setting(other)}"
    return Problem(given, f"The header has {wide}.", fix)
