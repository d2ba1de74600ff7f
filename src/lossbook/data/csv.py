"""A user's own table, as a CSV file with a header line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from lossbook.data.csv_table import Table, read_table
from lossbook.data.digits import PARTS
from lossbook.data.schema import Schema
from lossbook.data.source import Parts, Source
from lossbook.data.split import stratified_split, value_strata
from lossbook.data.tabular import standardised_parts
from lossbook.errors import refuse

STEPS = 1000  # of float32 at least in a standard deviation of the targets
KINDS = ("class", "multilabel", "value", "count")


@dataclass(frozen=True)
class Csv(Source):
    """Numeric features, standardised by the training part, and targets of one kind.

    Args:
        root: the file, split 70 / 15 / 15; or a folder with ``train.csv``, ``val.csv`` and ``test.csv``.
        target: ``class`` (one column of any names), ``multilabel`` (columns of 0 and 1), ``value`` (numbers) or
            ``count`` (whole numbers from 0 on).
        target_columns: name, or names, of the target's columns.
        feature_columns: names of the features; None for all other columns.
        delimiter: the character between cells.
        seed: fixes the split, or the order of samples within parts that are given.
    """

    root: str
    target: str
    target_columns: str | Sequence[str]
    feature_columns: Sequence[str] | None = None
    delimiter: str = ","
    seed: int = 0

    def load(self) -> Parts:
        if self.target not in KINDS:
            raise refuse(f"data.target={self.target}", f"A CSV file gives {', '.join(KINDS)}.", "data.target=class")
        targets = _column_names(self.target_columns)
        if not targets or (self.target == "class" and len(targets) != 1):
            rule = "Classes stand in one column." if self.target == "class" else "A target has at least one column."
            raise refuse(f"data.target_columns={targets}", rule, "data.target_columns=[NAME]")
        tables = self._tables()
        features = self._features(tables[0], targets)
        x = [np.stack([table.numbers(name) for name in features], 1) for table in tables]
        schema = Schema(self.target, (len(features),), 0)
        if self.target == "class":
            schema, y = _classes(tables, targets[0], len(features))
        else:
            y = [np.stack([_checked(table, name, self.target) for name in targets], 1) for table in tables]
            if self.target == "multilabel":
                schema = Schema(self.target, (len(features),), 0, classes=len(targets), class_names=tuple(targets))
            else:
                schema = Schema(self.target, (len(features),), 0, width=len(targets))
        if len(tables) == 1:
            rows = stratified_split(_strata(y[0], self.target), self.seed)
            x, y = [x[0][chosen] for chosen in rows], [y[0][chosen] for chosen in rows]
        else:
            rows = [np.random.Generator(np.random.PCG64(self.seed)).permutation(len(part)) for part in y]
            x, y = ([part[chosen] for part, chosen in zip(parts, rows, strict=True)] for parts in (x, y))
        if self.target in ("value", "count"):
            for name, column in zip(targets, y[0].T, strict=True):
                _require_spread(f"{tables[0].path}: column {name}", column, self.target)
        if self.target != "class":
            y = [part.astype(np.float32) for part in y]
        return standardised_parts(schema, dict(zip(PARTS, x, strict=True)), dict(zip(PARTS, y, strict=True)))

    def _tables(self) -> list[Table]:
        root = Path(self.root).expanduser()
        if not root.is_dir():
            table = read_table(root, self.delimiter)
            if len(table.rows) < len(PARTS):
                raise refuse(
                    f"{root} has {len(table.rows)} row{'s' if len(table.rows) != 1 else ''}",
                    "Training, validation and test each need one at least.",
                    "add rows",
                )
            return [table]
        tables = [read_table(root / f"{part}.csv", self.delimiter) for part in PARTS]
        for table in tables[1:]:
            if table.header != tables[0].header:
                raise refuse(
                    f"{table.path} has other columns than {tables[0].path}",
                    "All parts have the same header line.",
                    f"header: {self.delimiter.join(tables[0].header)}",
                )
        return tables

    def _features(self, table: Table, targets: list[str]) -> list[str]:
        for name in targets:
            table.column(name)
        if self.feature_columns is None:
            features = [name for name in table.header if name not in targets]
        else:
            features = _column_names(self.feature_columns)
            if shared := sorted(set(features) & set(targets)):
                raise refuse(
                    f"data.feature_columns has {', '.join(shared)}",
                    "A target must not be a feature: the network would read the answer.",
                    "leave it out of data.feature_columns",
                )
        if not features:
            raise refuse(f"{table.path} has no feature", "There must be a column beside the target.", "add a column")
        return features


def _column_names(given: str | Sequence[str]) -> list[str]:
    """As text: a column called 2020 comes as a number."""
    one = isinstance(given, str) or not isinstance(given, Sequence)
    return [str(name) for name in ([given] if one else given)]


def _classes(tables: list[Table], column: str, features: int) -> tuple[Schema, list[np.ndarray]]:
    names = sorted(set(tables[0].cells(column)), key=_by_number)
    if len(names) < 2:
        raise refuse(
            f"{tables[0].path}: column {column} holds one class, {names[0]}",
            "Classification needs at least two.",
            "data.target_columns=[ANOTHER]" + ("" if _by_number(names[0])[0] else ", or data.target=value"),
        )
    if len(names) > max(20, len(tables[0].rows) // 2):
        raise refuse(
            f"{tables[0].path}: column {column} holds {len(names)} different classes in {len(tables[0].rows)} rows",
            "Classes repeat; this looks like numbers or names.",
            "data.target=value, or data.target_columns=[ANOTHER]",
        )
    for name, other in pairwise(names):  # sorted by their numbers
        if "_" not in name + other and not _by_number(name)[0] and _by_number(name)[:2] == _by_number(other)[:2]:
            raise refuse(
                f"{tables[0].path}: column {column} holds both {name} and {other}",
                "They are the same number, and would be two classes.",
                "write each class in one way",
            )
    number = {name: index for index, name in enumerate(names)}
    for table in tables[1:]:
        if unknown := sorted(set(table.cells(column)) - set(names)):
            raise refuse(
                f"{table.path}: column {column} holds {', '.join(unknown[:3])}",
                "Each class occurs in the training part.",
                f"add rows of it to {tables[0].path}",
            )
    targets = [np.array([number[cell] for cell in table.cells(column)], np.int64) for table in tables]
    return Schema("class", (features,), 0, classes=len(names), class_names=tuple(names)), targets


def _by_number(name: str) -> tuple[bool, float, str]:
    try:
        return (False, float(name), name)  # 2 before 10
    except ValueError:
        return (True, 0.0, name)


def _checked(table: Table, name: str, kind: str) -> np.ndarray:
    values = table.numbers(name)
    rules = {
        "multilabel": (np.isin(values, (0, 1)), "A label is 0 or 1.", "data.target=value"),
        "count": ((values >= 0) & (values == np.round(values)), "Counts are whole, from 0 on.", "data.target=value"),
        "value": (np.ones(len(values), bool), "", ""),
    }
    holds, rule, fix = rules[kind]
    if not holds.all():
        row = int(np.flatnonzero(~holds)[0])
        raise refuse(f"{table.path} line {table.lines[row]}: {name}={table.cells(name)[row]}", rule, fix)
    return values


def _require_spread(where: str, values: np.ndarray, kind: str) -> None:
    """Refuse training targets that never change, or would not as the float32 that they are trained in."""
    if kind == "value" and np.ptp(values) == 0:
        raise refuse(
            f"{where} is {values[0]:g} in every row of the training part",
            "A target that never changes cannot be learnt.",
            "data.target_columns=[ANOTHER]",
        )
    with np.errstate(over="ignore", invalid="ignore"):
        step = np.spacing(np.abs(values).max().astype(np.float32))  # nan beyond float32's range
    if np.ptp(values) and not step * STEPS <= values.std():
        raise refuse(
            f"{where} holds numbers up to {np.abs(values).max():g} with a deviation of {values.std():g}",
            "Training is in float32, which holds about seven digits"
            + (f": here its steps are {step:g}." if np.isfinite(step) else ", and numbers below 3.4e+38."),
            "subtract an offset from the column, or divide it",
        )


def _strata(target: np.ndarray, kind: str) -> np.ndarray:
    """Classes as they are; values and counts by the first column's deciles; label sets by their size."""
    if kind == "class":
        return target
    return target.sum(1) if kind == "multilabel" else value_strata(target[:, 0])
