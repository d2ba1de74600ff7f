"""Choosing the columns of a table that are its features and its targets."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lossbook.data.csv_faults import TOLD, listed, quoted, shortened
from lossbook.data.csv_numbers import is_number
from lossbook.data.csv_table import UNNAMED, Table
from lossbook.errors import Problem, UserError, refuse, typed

FEWEST = 5  # rows; in fewer, a column of 0, 1, 2, ... may well be a feature


@dataclass(frozen=True)
class TableColumns:
    """The names of the columns that are read, in order.

    Args:
        features, targets: one or more each.
        notes: which columns are left out, and why.
    """

    features: list[str]
    targets: list[str]
    notes: tuple[str, ...] = ()


def choose_columns(table: Table, target: str, target_columns: Any, feature_columns: Any) -> TableColumns:
    """Return the columns that the user named; where no features are named, all columns but the targets.

    Row numbers are left out unless they are named: in a file that is sorted by its target they would give it away.

    Args:
        table: of the training part, or the only one.
        target: kind of the target.
        target_columns, feature_columns: as given on the command line.

    Raises:
        UserError: there is no column of a given name, or a column is both feature and target.
    """
    targets = column_names("data.target_columns", target_columns)
    if not targets or (target == "class" and len(targets) != 1):
        rule = "A class target has one column." if target == "class" else "A target has at least one column."
        raise refuse(f"data.target_columns={typed(targets)}", rule, "data.target_columns=[NAME]")
    given = None if feature_columns is None else column_names("data.feature_columns", feature_columns)
    if unknown := [name for name in (*targets, *(given or ())) if name not in table.places]:
        raise UserError(*[table.lacks(name) for name in unknown[:TOLD]], *_rest(len(unknown) - TOLD))
    if shared := sorted(set(given or ()) & set(targets)):
        raise refuse(
            f"data.feature_columns has {listed(shared)}",
            "A target must not be a feature: the network would read the answer.",
            "leave it out of data.feature_columns",
        )
    features, notes = (given, []) if given is not None else _others(table, targets)
    if not features:
        number = next((name for name in table.header if name not in targets and not UNNAMED.fullmatch(name)), None)
        if given is None and number is not None:
            rule = f"The only column besides the target is {quoted(number)}, which holds row numbers."
            raise refuse(
                f"{table.path} has no feature", rule, typed_columns("data.feature_columns", [number]) + " uses it"
            )
        raise refuse(f"{table.path} has no feature", "There must be a column beside the target.", "add a column")
    return TableColumns(features, targets, tuple(shortened(notes)))


def column_names(key: str, given: Any) -> list[str]:
    """Return the names of columns as strings; a column called 2020 is parsed as a number.

    Raises:
        UserError: these are not names, or one is repeated.
    """
    listing = isinstance(given, Sequence) and not isinstance(given, str)
    found = list(given) if listing else [given]
    if isinstance(given, Mapping) or any(
        isinstance(name, bool) or not isinstance(name, (str, int, float)) for name in found
    ):
        rule = "Columns are given as a list of strings; null, true and false must be quoted."
        raise refuse(f"{key}={typed(given)}", rule, f"{key}=[NAME,NAME], or \"{key}=['null']\"")
    texts = [str(name).strip() for name in found]
    if twice := sorted({name for name in texts if texts.count(name) > 1}):
        given = f"{key} names {listed(twice)} twice"
        raise refuse(given, "Each column is named once.", typed_columns(key, list(dict.fromkeys(texts))))
    return texts


def typed_columns(key: str, columns: Sequence[str]) -> str:
    """Return the shell argument that names these columns."""
    argument = f"{key}=[{','.join(map(_typed_name, columns))}]"
    if "'" not in argument and " " not in argument:
        return argument
    return shlex.quote(argument) if set('$`"\\!') & set(argument) else f'"{argument}"'


def _typed_name(name: str) -> str:
    plain = re.fullmatch(r"[A-Za-z_][\w/-]*|[1-9]\d*", name, re.ASCII)
    if plain and name.lower() not in ("null", "true", "false", "nan", "inf"):
        return name
    return "'" + name.replace("\\'", "\\\\'").replace("'", "\\'") + "'"


def _others(table: Table, targets: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the columns other than targets and row numbers, and a note on each column that is left out."""
    features, notes, problems = [], [], []
    for number, name in enumerate(table.header):
        if name in targets:
            continue
        if not UNNAMED.fullmatch(name):
            if counts_rows(table, number):
                argument = typed_columns("data.feature_columns", [name])[:-1] + ",...]"
                notes.append(f"row numbers are not a feature: column {quoted(name)} is left out; {argument} uses it")
            else:
                features.append(name)
        elif not any(table.cells(number)):
            notes.append(f"column {number + 1} has no name and is empty, and is left out")
        elif number == 0 or counts_rows(table, number):
            notes.append(f"row numbers are not a feature: column {number + 1}, which has no name, is left out")
        else:
            rule = "Every column needs a name, except row numbers in the first."
            problems.append(
                Problem(f"{table.path}: column {number + 1} has no name", rule, "name it in the header line")
            )
    if problems:
        raise UserError(*problems[:TOLD], *_rest(len(problems) - TOLD))
    return features, notes


def counts_rows(table: Table, number: int) -> bool:
    """Return whether a column holds 0, 1, 2, ... or 1, 2, 3, ... in order."""
    if len(table.rows) < FEWEST:
        return False
    cells = (row[number].strip() for row in table.rows)
    first = next(cells)
    if not is_number(first) or (start := float(first)) not in (0, 1):
        return False
    return all(is_number(cell) and float(cell) == start + row for row, cell in enumerate(cells, start=1))


def _rest(count: int) -> list[Problem]:
    return [Problem(f"{count:,} more columns", f"Only the first {TOLD} mistakes are shown.")] if count > 0 else []
