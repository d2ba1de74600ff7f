"""Dividing the text of a CSV or TSV file into cells, with errors that name file and line."""

from __future__ import annotations

import csv
import itertools
import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from lossbook.data.tables.delimiter import character, named, probable, setting
from lossbook.data.tables.faults import TOLD, listed, quoted
from lossbook.errors import Problem, UserError, refuse

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_BLOCK = 100_000  # rows held as Python texts at once
_LOOKED_AT = 40  # lines in which the delimiter is sought
_EXCEL = re.compile(r"sep=(.)\s*", re.IGNORECASE)  # Excel's way of stating the delimiter in a line of its own


@dataclass(frozen=True)
class TextCells:
    """The cells of a text, below its header line.

    Args:
        header: the first row.
        columns: one String column a cell of the header, called by its number.
        lines: (N,) line number of each row.
        notes: for the user.
    """

    header: list[str]
    columns: pl.DataFrame
    lines: np.ndarray
    notes: tuple[str, ...] = ()


def divide(path: Path, text: str, delimiter: Any = None, skip: bool = False) -> TextCells:
    """Divide a text into cells; empty lines are skipped.

    Args:
        path: of the file, for messages.
        text: of the file.
        delimiter: as accepted by ``delimiter.character``; None to find it.
        skip: leave out rows that have more or fewer cells than the header, with a note, instead of raising.

    Raises:
        UserError: the text is no table, or its rows differ in length.
    """
    skipped = 0
    if stated := _EXCEL.fullmatch(text[:20].lstrip("\r\n").partition("\n")[0]):
        text, delimiter = text.lstrip("\r\n").partition("\n")[2], stated[1] if delimiter is None else delimiter
        skipped = 1
    first = text[:200_000].lstrip("\r\n").splitlines()[:_LOOKED_AT] or [""]
    complete = first if len(first) < 3 else first[:-1]  # the last may be cut off
    mark = (probable(complete) or ",") if delimiter is None else character(delimiter, first[0])
    rows = _rows(path, text, mark)
    header = [name.strip() for name in next(rows, ([""], 1))[0]]
    if len(header) == 1 and delimiter is not None and (other := probable(complete)) not in (None, mark):
        given = f"{path} has one column with the delimiter {quoted(mark)}"
        raise refuse(given, f"The whole header line is one column: {quoted(first[0], 80)[1:-1]}.", setting(other))
    lines, wrong, blocks = array("q"), [], []
    count = 0
    while block := list(itertools.islice(rows, _BLOCK)):
        good = []
        for row, place in block:
            if len(row) == len(header):
                good.append(row)
                lines.append(place + skipped)
            else:
                wrong.append((row, place + skipped))
        count += len(block)
        if good:
            cells = zip(*good, strict=True)
            blocks.append(pl.DataFrame([pl.Series(str(n), c, pl.String) for n, c in enumerate(cells)]))
    if not count:
        raise refuse(f"{path} has no rows", "The file needs a header line of column names, then rows.", "add rows")
    notes = []
    if wrong and (not skip or len(wrong) == count):
        raise UserError(_ragged(path, header, wrong, count, mark))
    if wrong:
        where = ", ".join(str(line) for _, line in wrong[:TOLD])
        more = f" and {len(wrong) - TOLD:,} more" if len(wrong) > TOLD else ""
        notes.append(f"{path}: left out, since they have not {len(header)} cells: lines {where}{more}")
    columns = pl.concat(blocks, rechunk=False)
    if mark != "," and delimiter is None:
        notes.append(f"{path.name}: the delimiter is a {named(mark)}")
    return TextCells(header, columns, np.array(lines, np.int64), tuple(notes))


def _rows(path: Path, text: str, mark: str) -> Iterator[tuple[list[str], int]]:
    """Yield the cells of each non-blank row, and the number of the line on which it begins."""
    lines = (line[0] for line in _LINE.finditer(text))  # a StringIO would take four bytes a character
    blank = mark == " "  # several spaces count as one, as in columns aligned by spaces
    reader = csv.reader(
        (re.sub(" +", " ", line.strip(" \r\n")) + "\n" for line in lines) if blank else lines,
        delimiter=mark,
        strict=True,
        skipinitialspace=not blank,
    )
    line = 1
    try:
        for row in reader:
            if len(row) > 1 or (row and row[0].strip()):
                yield row, line
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


def _ragged(path: Path, header: Sequence[str], wrong: list[tuple[list[str], int]], count: int, mark: str) -> Problem:
    """Return the problem of rows that have more or fewer cells than the header."""
    wide = len(header)
    (row, line), others = wrong[0], wrong[1:TOLD]
    given = f"{path} line {line} has {len(row)} cell{'s' * (len(row) != 1)}"
    if len(wrong) == count and {len(row) for row, _ in wrong} == {wide + 1}:
        if not any(row[-1].strip() for row, _ in wrong):
            fix = f"delete the {quoted(mark)} at the end of each line, or add it to the header line"
            return Problem(given, f"The header has {wide}: all other lines end with a delimiter.", fix)
        rule = f"The header has {wide}; all rows have one more, as with R's row names or with decimal commas."
        return Problem(given, rule, f"name the first column as well: row{mark}{listed(header[:1])}...")
    likewise = [f"{line} ({len(row)})" for row, line in others]
    given += f"; likewise lines {', '.join(likewise)}" if likewise else ""
    given += f" and {len(wrong) - TOLD:,} more" if len(wrong) > TOLD else ""
    fix = "correct the lines: a cell that contains the delimiter must be in double quotes"
    other = probable([mark.join(header).replace(mark, "")])
    if other is not None and other != " ":
        fix += f"; or {setting(other)}"
    return Problem(given, f"The header has {wide}.", fix + "; data.on_bad=skip leaves them out")
