"""A user's own table, as a CSV file with a header line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lossbook.data.csv_classes import absent
from lossbook.data.csv_columns import Columns, chosen
from lossbook.data.csv_extremes import distant, lost_features, unfit_targets
from lossbook.data.csv_faults import few, listed, told
from lossbook.data.csv_suspicions import numbering, suspicions
from lossbook.data.csv_table import Table, read_table
from lossbook.data.csv_values import Values, values
from lossbook.data.digits import PARTS
from lossbook.data.source import Parts, Source
from lossbook.data.split import stratified_split, value_strata
from lossbook.data.statistics import mean_and_scale
from lossbook.data.tabular import standardised_parts
from lossbook.errors import Problem, UserError, refuse, typed

KINDS = ("class", "multilabel", "value", "count")


@dataclass(frozen=True)
class Csv(Source):
    """Numeric features, standardised by the training part, and targets of one kind.

    Args:
        root: the file, split 70 / 15 / 15; or a folder with ``train.csv``, ``val.csv`` and ``test.csv``.
        target: ``class`` (one column of any names), ``multilabel`` (columns of 0 and 1), ``value`` (numbers) or
            ``count`` (whole numbers from 0 on).
        target_columns: name, or names, of the target's columns.
        feature_columns: names of the features; None for all other columns but row numbers.
        delimiter: the character between cells, or its name (``csv_delimiter.NAMES``).
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
        tables = read_tables(self.root, self.delimiter)
        columns = chosen(tables[0], self.target, self.target_columns, self.feature_columns)
        data = values(tables, columns, self.target, named=self.feature_columns is not None)
        rows = assigned(data, self.seed)
        notes = [*columns.notes, *data.notes, *checked(tables, columns, data, rows["train"])]
        x = {part: data.features[table][chosen] for part, (table, chosen) in rows.items()}
        y = {part: data.targets[table][chosen] for part, (table, chosen) in rows.items()}
        if self.target == "class":
            notes += absent(data.schema.class_names, y)
        else:
            y = {part: target.astype(np.float32) for part, target in y.items()}
        return standardised_parts(data.schema, x, y, notes)


def read_tables(root: object, delimiter: object) -> list[Table]:
    """One table, or those of the training, validation and test part, which have the same columns.

    Raises:
        UserError: a file is missing or no table; all of them together.
    """
    if isinstance(root, bool) or not isinstance(root, (str, int, Path)) or not str(root).strip():
        raise refuse(f"data.root={typed(root)}", "It is the path of a file or a folder, as a text.", "data.root=PATH")
    path = Path(os.path.expanduser(str(root)))
    if not os.path.isdir(path):
        table = read_table(path, delimiter)
        if len(table.rows) < len(PARTS):
            raise refuse(
                f"{path} has {len(table.rows)} row{'s' if len(table.rows) != 1 else ''}",
                "Training, validation and test each need one at least.",
                "add rows",
            )
        return [table]
    tables: list[Table] = []
    problems: list[Problem] = []
    for part in PARTS:
        try:
            tables.append(read_table(path / f"{part}.csv", delimiter))
        except UserError as error:
            problems += error.problems
    problems += [_unlike(table, tables[0]) for table in tables[1:] if table.header != tables[0].header]
    if problems:
        raise UserError(*problems)
    return tables


def _unlike(table: Table, first: Table) -> Problem:
    """A part with another header line."""
    lacks, adds = (sorted(set(a.header) - set(b.header)) for a, b in ((first, table), (table, first)))
    how = [f"it lacks {listed(lacks, 5)}"] * bool(lacks) + [f"it has {listed(adds, 5)} besides"] * bool(adds)
    rule = f"All parts have the same header line; {', and '.join(how) or 'its columns stand in another order'}."
    return Problem(f"{table.path} has other columns than {first.path}", rule, f"copy the header line of {first.path}")


def assigned(data: Values, seed: int) -> dict[str, tuple[int, np.ndarray]]:
    """For each part the number of its table, and its rows there, in random order."""
    if len(data.targets) == 1:
        rows = stratified_split(_strata(data.targets[0], data.schema.target), seed)
        return {part: (0, chosen) for part, chosen in zip(PARTS, rows, strict=True)}
    return {
        part: (number, np.random.Generator(np.random.PCG64(seed)).permutation(len(data.targets[number])))
        for number, part in enumerate(PARTS)
    }


def checked(tables: Sequence[Table], columns: Columns, data: Values, train: tuple[int, np.ndarray]) -> list[str]:
    """What a user should know of features and targets, now that the training part is known.

    Args:
        train: the number of the training part's table, and its rows there.

    Raises:
        UserError: they cannot be trained on.
    """
    (number, rows), kind = train, data.schema.target
    x, y = data.features[number][rows], data.targets[number][rows]
    problems = list(lost_features(tables[number], columns.features, x))
    if kind != "class":
        problems += unfit_targets(tables[number], columns.targets, y, kind)
    if problems:
        raise UserError(*problems)
    notes = few(numbering(columns.features, data.features[number]))
    notes += few(suspicions(columns.features, x, columns.targets, y))
    faults, far = [], []
    for names, matrices, part in ((columns.features, data.features, x), (columns.targets, data.targets, y)):
        if matrices is data.features or kind in ("value", "count"):
            mean, scale = mean_and_scale(part)
            for table, matrix in zip(tables, matrices, strict=True):
                wrong, said = distant(table, names, matrix, mean, scale)
                faults += wrong
                far += said
    if faults:
        raise told(faults)
    return [*notes, *few(far)]


def _strata(target: np.ndarray, kind: str) -> np.ndarray:
    """Classes as they are; values and counts by the first column's deciles; label sets by their size."""
    if kind == "class":
        return target
    return target.sum(1) if kind == "multilabel" else value_strata(target[:, 0])
