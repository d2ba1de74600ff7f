"""What a table was found to hold, as one note: a line for each kind of column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lossbook.data.tables.choosing import Chosen
from lossbook.data.tables.columns import TableColumn
from lossbook.data.tables.faults import quoted
from lossbook.data.tables.kinds import Kind

_WIDE = 100  # characters of a line
_PLURAL = {"number": "numbers", "boolean": "booleans", "category": "categories", "date": "dates"}


def columns_table(
    path: object, rows: int, chosen: Chosen, columns: Sequence[TableColumn], missing: Mapping[str, int]
) -> str:
    """Return what was found in a table, a line for each kind of column.

    Args:
        path: of the file.
        rows: their number.
        chosen: the columns.
        columns: as they are read.
        missing: number of missing cells, by column.
    """
    width = sum(column.width for column in columns)
    lines = [f"{path}: {rows:,} rows, {_counted(width, 'input')} from {_counted(len(columns), 'column')}"]
    lines.append(_line("target", [_name(name) for name in chosen.targets]))
    for kind, called in _PLURAL.items():
        lines.append(_line(called, [_said(one, missing) for one in columns if one.kind == kind]))
    lines.append(_line("left out", [f"{_name(name)} ({_why(kind)})" for name, kind in chosen.left_out.items()]))
    lines.append(_line("not features", [_name(name) for name in chosen.others]))
    return "\n".join(line for line in lines if line)


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"


def _line(title: str, items: Sequence[str]) -> str:
    if not items:
        return ""
    text = ""
    for number, item in enumerate(items):
        if number and len(text) + len(item) > _WIDE:
            return f"    {title + ':':<14}{text} and {len(items) - number:,} more"
        text += f"{', ' if number else ''}{item}"
    return f"    {title + ':':<14}{text}"


def _said(column: TableColumn, missing: Mapping[str, int]) -> str:
    said = [str(len(column.categories))] if column.kind == "category" else []
    said += [f"{missing[column.name]:,} missing"] if column.name in missing else []
    return _name(column.name) + (f" ({', '.join(said)})" if said else "")


def _why(kind: Kind) -> str:
    return "row numbers" if kind.name == "row number" else "as said" if kind.name == "leave_out" else kind.name


def _name(name: str) -> str:
    return name if name.isprintable() and len(name) <= 40 else quoted(name)
