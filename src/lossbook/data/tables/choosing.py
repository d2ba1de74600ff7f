"""Choosing the columns of a table that are its features, its targets, and neither."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lossbook.data.tables.faults import TOLD, listed
from lossbook.data.tables.kinds import LEFT_OUT, Kind, counts, given_kinds, inferred_kind, said_kind, unread
from lossbook.data.tables.table import UNNAMED, Table, shown
from lossbook.errors import Problem, UserError, refuse, typed


@dataclass(frozen=True)
class Chosen:
    """The columns that are read, in order.

    Args:
        features: name -> what it holds.
        targets: names.
        left_out: name, or place where there is none -> why.
        others: names of the columns of groups, times and weights.
    """

    features: dict[str, Kind]
    targets: list[str]
    left_out: dict[str, Kind] = field(default_factory=dict)
    others: tuple[str, ...] = ()


def choose_columns(
    table: Table,
    target: str,
    target_columns: Any,
    feature_columns: Any = None,
    columns: Any = None,
    others: Sequence[str] = (),
) -> Chosen:
    """Return the columns that the user named; where no features are named, all others that a network can read.

    Row numbers are left out unless they are named: in a file that is sorted by its target they would give it away.

    Args:
        table: of the training part, or the only one.
        target: kind of the target.
        target_columns, feature_columns: as given on the command line.
        columns: name -> kind, as given on the command line.
        others: columns that are neither.

    Raises:
        UserError: there is no column of a given name, or a column is both feature and target.
    """
    targets = target_names(table, target, target_columns)
    said = given_kinds(columns)
    given = None if feature_columns is None else column_names("data.feature_columns", feature_columns)
    require_columns(table, [*(given or ()), *(name for name in said if said[name] != LEFT_OUT), *others])
    if unknown := [name for name in said if name not in table.places]:
        raise UserError(*map(table.lacks, unknown[:TOLD]))
    for key, names in (("data.feature_columns has", given or ()), ("data.columns has", said)):
        left = [name for name in names if name in targets and said.get(name) != LEFT_OUT]
        if left:
            raise refuse(
                f"{key} {listed(left)}",
                "A target must not be a feature: the network would read the answer.",
                "leave it out there",
            )
    if both := [name for name in others if name in (*targets, *(given or ()))]:
        rule = "A column of groups, times or weights is neither a feature nor a target."
        raise refuse(f"Column {listed(both)} is named twice", rule, "name it once")
    if given is not None and (unused := [name for name in said if name not in given]):
        rule = "Only data.feature_columns are read: it would have no effect."
        raise refuse(f"data.columns names {listed(unused)}", rule, "name it in data.feature_columns, too")
    features: dict[str, Kind] = {}
    left_out: dict[str, Kind] = {}
    problems = []
    for number, name in enumerate(table.header):
        if name in targets or name in others or (given is not None and name not in given):
            continue
        if not name or (UNNAMED.fullmatch(name) and name not in said and given is None):
            problems += _unnamed(table, number, left_out)
            continue
        kind = said_kind(table, name, said[name]) if name in said else inferred_kind(table, number)
        if given is not None and kind.name in ("row number", "identifier") and counts(table, number):
            kind = Kind("number")  # the user wants it
        if kind.read:
            features[name] = kind
        elif given is None:
            left_out[name] = kind
        else:
            fix = f'"data.columns={{{name}: category}}" reads it, or leave it out of data.feature_columns'
            problems.append(Problem(f"data.feature_columns has {shown(name)}", unread(name, kind), fix))
    if problems:
        raise UserError(*problems[:TOLD], *_rest(len(problems) - TOLD))
    if given is not None:
        features = {name: features[name] for name in given}
    if not features:
        raise _no_feature(table, left_out)
    return Chosen(features, targets, left_out, tuple(others))


def target_names(table: Table, target: str, target_columns: Any) -> list[str]:
    """Return the names of the target columns, which the table has.

    Raises:
        UserError: there is no column of a given name, or too many or none are given.
    """
    targets = column_names("data.target_columns", target_columns)
    if not targets or (target == "class" and len(targets) != 1):
        rule = "A class target has one column." if target == "class" else "A target has at least one column."
        raise refuse(f"data.target_columns={typed(targets)}", rule, "data.target_columns=[NAME]")
    require_columns(table, targets)
    return targets


def require_columns(table: Table, names: Sequence[str]) -> None:
    """Check that a table has columns of these names, of plain cells.

    Raises:
        UserError: it lacks some, or they hold lists.
    """
    if problems := list(filter(None, map(table.unreadable, names))):
        raise UserError(*problems[:TOLD], *_rest(len(problems) - TOLD))


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


def _unnamed(table: Table, number: int, left_out: dict[str, Kind]) -> list[Problem]:
    """Add a column without a name to those that are left out, or return its problem."""
    kind = inferred_kind(table, number)
    if number == 0 or kind.name in ("row number", "empty"):
        left_out[table.header[number] or f"column {number + 1}, which has no name"] = (
            Kind("row number") if kind.name != "empty" else kind
        )
        return []
    rule = "Every column needs a name, except row numbers in the first."
    return [Problem(f"{table.path}: column {number + 1} has no name", rule, "name it in the header line")]


def _no_feature(table: Table, left_out: Mapping[str, Kind]) -> UserError:
    if not left_out:
        return refuse(f"{table.path} has no feature", "There must be a column beside the target.", "add a column")
    held = ", ".join(f"{shown(name)} ({kind.name})" for name, kind in list(left_out.items())[:5])
    rule = f"The columns besides the target are left out: {held}."
    name = next((name for name in left_out if name not in table.nested), None)
    if name is None:
        return refuse(f"{table.path} has no feature", rule, "add a column")
    row_number = left_out[name].name in ("row number", "identifier")
    fix = typed_columns("data.feature_columns", [name]) if row_number else f'"data.columns={{{name}: category}}"'
    return refuse(f"{table.path} has no feature", rule, f"{fix} uses it")


def _rest(count: int) -> list[Problem]:
    return [Problem(f"{count:,} more columns", f"Only the first {TOLD} mistakes are shown.")] if count > 0 else []
