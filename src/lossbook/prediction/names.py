"""Names of the rows of a table, from a column that the user names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lossbook.data.reader import NewInputs, Reader
from lossbook.errors import nearest, refuse
from lossbook.prediction.inputs import InputFile


def with_ids(read: NewInputs, reader: Reader, given: Any, column: str | None) -> NewInputs:
    """Return inputs with the cells of a column for names.

    Args:
        read: from the reader, where rows are called by their places.
        reader: that read them.
        given: the files, or the object in memory.
        column: of the table; None: the names stay.

    Raises:
        UserError: the inputs are no table, or a table lacks the column.
    """
    if column is None:
        return read
    from lossbook.data.tables.reader import TableReader, as_frame
    from lossbook.data.tables.table import frame_table, read_table

    if not isinstance(reader, TableReader):
        raise refuse(
            f"id_column={column}",
            "Only the rows of a table of features have an id column; images are called by their paths.",
            "leave it out",
        )
    if _are_files(given):
        tables = [(f"{one.name}:" if len(given) > 1 else "", read_table(one.path, reader.dialect)) for one in given]
    else:
        tables = [("", frame_table(as_frame(given, reader.names), "the table"))]
    called: dict[str, str] = {}
    for prefix, table in tables:
        called |= {f"{prefix}{row}": cell for row, cell in enumerate(_cells(table, column))}
    return replace(read, names=[called[name] for name in read.names])


def _cells(table: Any, column: str) -> list[str]:
    if column not in table.places:
        near = nearest(column, table.places)
        rule = f"{table.path} has no such column."
        raise refuse(f"id_column={column}", rule, f"id_column={near}" if near else "leave it out")
    return [str(cell) for cell in table.column(column).to_list()]


def _are_files(given: Any) -> bool:
    return isinstance(given, Sequence) and bool(given) and all(isinstance(one, InputFile) for one in given)
