"""Which columns of a table are its features and its targets."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lossbook.data.csv_faults import TOLD, few, listed, quoted
from lossbook.data.csv_numbers import is_number
from lossbook.data.csv_table import UNNAMED, Table
from lossbook.errors import Problem, UserError, refuse
from lossbook.errors import typed as as_typed

FEWEST = 5  # rows that a column must count to be taken for their numbers


@dataclass(frozen=True)
class Columns:
    """Names of columns, in order.

    Args:
        features, targets: one or more each.
        notes: which columns were left out, and why.
    """

    features: list[str]
    targets: list[str]
    notes: tuple[str, ...] = ()


def chosen(table: Table, target: str, target_columns: Any, feature_columns: Any) -> Columns:
    """The columns that a user named; all others are features where none is.

    Row numbers that nobody asked for are no features: they would give away the target of a file that is sorted by it.

    Args:
        table: the training part's, or the only one.
        target: kind.
        target_columns, feature_columns: as the command line gave them.

    Raises:
        UserError: a name that no column has, or that stands where it must not.
    """
    targets = names("data.target_columns", target_columns)
    if not targets or (target == "class" and len(targets) != 1):
        rule = "Classes stand in one column." if target == "class" else "A target has at least one column."
        raise refuse(f"data.target_columns={as_typed(targets)}", rule, "data.target_columns=[NAME]")
    given = None if feature_columns is None else names("data.feature_columns", feature_columns)
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
            rule = f"Of the columns beside the target, {quoted(number)} holds only the row number."
            raise refuse(f"{table.path} has no feature", rule, typed("data.feature_columns", [number]) + " takes it")
        raise refuse(f"{table.path} has no feature", "There must be a column beside the target.", "add a column")
    return Columns(features, targets, tuple(few(notes)))


def names(key: str, given: Any) -> list[str]:
    """Names of columns, as text: a column called 2020 comes as a number.

    Raises:
        UserError: they are no names, or one is there twice.
    """
    listing = isinstance(given, Sequence) and not isinstance(given, str)
    found = list(given) if listing else [given]
    if isinstance(given, Mapping) or any(
        isinstance(name, bool) or not isinstance(name, (str, int, float)) for name in found
    ):
        rule = "Columns are named by a list of texts; null, true and false are texts in quotes alone."
        raise refuse(f"{key}={as_typed(given)}", rule, f"{key}=[NAME,NAME], or \"{key}=['null']\"")
    texts = [str(name).strip() for name in found]
    if twice := sorted({name for name in texts if texts.count(name) > 1}):
        given = f"{key} names {listed(twice)} twice"
        raise refuse(given, "A column counts once.", typed(key, list(dict.fromkeys(texts))))
    return texts


def typed(key: str, columns: Sequence[str]) -> str:
    """What one types in a shell to name these columns."""
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
    """The columns that are no target, without row numbers; and what is said of those that were left out."""
    features, notes, problems = [], [], []
    for number, name in enumerate(table.header):
        if name in targets:
            continue
        if not UNNAMED.fullmatch(name):
            if counts_rows(table, number):
                taken = typed("data.feature_columns", [name])[:-1] + ",...]"
                notes.append(f"row numbers are no feature: column {quoted(name)} is left out; {taken} takes it")
            else:
                features.append(name)
        elif not any(table.cells(number)):
            notes.append(f"column {number + 1} has no name and no cells, and is left out")
        elif number == 0 or counts_rows(table, number):
            notes.append(f"row numbers are no feature: column {number + 1}, which has no name, is left out")
        else:
            rule = "Every column has a name, but for row numbers in the first."
            problems.append(
                Problem(f"{table.path}: column {number + 1} has no name", rule, "name it in the header line")
            )
    if problems:
        raise UserError(*problems[:TOLD], *_rest(len(problems) - TOLD))
    return features, notes


def counts_rows(table: Table, number: int) -> bool:
    """Whether a column holds 0, 1, 2, ... or 1, 2, 3, ... in order."""
    if len(table.rows) < FEWEST:
        return False
    cells = (row[number].strip() for row in table.rows)
    first = next(cells)
    if not is_number(first) or (start := float(first)) not in (0, 1):
        return False
    return all(is_number(cell) and float(cell) == start + row for row, cell in enumerate(cells, start=1))


def _rest(count: int) -> list[Problem]:
    return [Problem(f"{count:,} more columns", f"The first {TOLD} mistakes are told.")] if count > 0 else []
