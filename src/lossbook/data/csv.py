"""A user's own table, as a CSV file with a header line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lossbook.data.assignment import assign_parts
from lossbook.data.csv_classes import absent_classes
from lossbook.data.csv_columns import TableColumns, choose_columns, column_names, typed_columns
from lossbook.data.csv_extremes import lost_features, outliers, unfit_targets
from lossbook.data.csv_faults import faults_error, listed, shortened
from lossbook.data.csv_parts import WHOLE, read_tables
from lossbook.data.csv_suspicions import row_numbers, suspicions
from lossbook.data.csv_table import Table
from lossbook.data.csv_values import Values, read_values
from lossbook.data.digests import input_digests
from lossbook.data.fitted import FittedData
from lossbook.data.scale import mean_and_scale
from lossbook.data.schema import Schema
from lossbook.data.source import PARTS, Features, Parts, Source
from lossbook.data.split import value_strata
from lossbook.data.split_table import read_split
from lossbook.data.tabular import feature_statistics, standardise, standardised_parts
from lossbook.errors import UserError, refuse, typed

KINDS = ("class", "multilabel", "value", "count")


@dataclass(frozen=True)
class Csv(Source):
    """Numeric features, standardised by the training part, and targets of one kind.

    Args:
        root: a file, split 70 / 15 / 15; or a folder with ``train.csv``, ``val.csv`` and ``test.csv``.
        target: ``class`` (one column of class names), ``multilabel`` (columns of 0 and 1), ``value`` (numbers) or
            ``count`` (whole numbers >= 0).
        target_columns: name or names of the target columns.
        feature_columns: names of the features; None for all other columns except row numbers.
        delimiter: the character between cells, or its name (``csv_delimiter.NAMES``).
        split: file that assigns the rows to parts (see ``split_table``), for a single file.
        seed: of the split, or of the order of samples within given parts.
    """

    root: str
    target: str
    target_columns: str | Sequence[str]
    feature_columns: str | Sequence[str] | None = None
    delimiter: str = ","
    split: str | None = None
    seed: int = 0

    def load(self) -> Parts:
        return self._load(None, False)

    def load_known(self, known: FittedData, evaluating: bool) -> Parts:
        return self._load(known, evaluating)

    def _load(self, known: FittedData | None, evaluating: bool) -> Parts:
        if self.target not in KINDS:
            rule = f"The target of a CSV file must be one of {', '.join(KINDS)}."
            raise refuse(f"data.target={self.target}", rule, "data.target=class")
        found = read_tables(self.root, self.delimiter, evaluating)
        tables = list(found.values())
        columns = self._columns(tables[0], known, evaluating)
        named = self.feature_columns is not None or known is not None
        data = read_values(tables, columns, self.target, named, () if known is None else known.schema.class_names)
        x, y = np.concatenate(data.features), np.concatenate(data.targets)
        by = None if known is None else known.features
        digests = None if by is None else input_digests({"input": standardise(x, by)})
        given = self._given(found, len(x))
        assignment = assign_parts(given, _strata(y, self.target), self.seed, known, digests, evaluating)
        rows = {part: assignment.rows.get(part, np.arange(0)) for part in PARTS}
        notes = [*columns.notes, *data.notes, *assignment.notes]
        if not evaluating:
            notes += check_training_part(
                tables[0], columns, self.target, data.features[0], data.targets[0], rows["train"]
            )
        if known is None:
            by = feature_statistics(columns.features, x[rows["train"]])
        assert by is not None
        notes += shortened(
            far_values(tables, columns, data, by, None if known is None else known.schema, rows["train"])
        )
        targets = {part: y[chosen] for part, chosen in rows.items()}
        if self.target == "class":
            notes += absent_classes(data.schema.class_names, {part: one for part, one in targets.items() if len(one)})
        else:
            targets = {part: one.astype(np.float32) for part, one in targets.items()}
        parts = standardised_parts(data.schema, {part: x[chosen] for part, chosen in rows.items()}, targets, by)
        return replace(parts, features=by, rows=rows, notes=tuple(notes))

    def _columns(self, table: Table, known: FittedData | None, evaluating: bool) -> TableColumns:
        """Return the columns to read: those of the checkpoint, or those that the user named."""
        if known is None:
            return choose_columns(table, self.target, self.target_columns, self.feature_columns)
        if known.features is None:
            raise refuse(
                f"data.root={self.root} with a checkpoint that was not trained on a table.",
                "Columns are scaled by the statistics stored in the checkpoint.",
                "give the data that it was trained on",
            )
        names = known.features.names
        if shared := [name for name in column_names("data.target_columns", self.target_columns) if name in names]:
            wrong = typed_columns("data.target_columns", shared)
            raise refuse(wrong, "The checkpoint uses it as a feature.", "give the target that it was trained on")
        columns = choose_columns(table, self.target, self.target_columns, names)
        if self.feature_columns is not None:
            given = choose_columns(table, self.target, self.target_columns, self.feature_columns).features
            if set(given) != set(names):
                rule = f"The checkpoint reads {listed(list(names), 12)}."
                raise refuse(f"data.feature_columns={typed(given)}", rule, "data.feature_columns=null")
        if self.feature_columns is None and not evaluating:  # training would ignore columns that may be useful
            found = choose_columns(table, self.target, self.target_columns, None).features
            if new := [name for name in found if name not in names]:
                rule = f"The checkpoint reads {listed(list(names), 12)}, and its network has no input for others."
                fix = f"{typed_columns('data.feature_columns', names)} reads only those"
                raise refuse(f"{table.path} has the additional columns {listed(new, 5)}.", rule, fix)
        others = [name for name in table.header if name and name not in (*names, *columns.targets)]
        notes = [f"columns that the checkpoint does not read: {listed(others, 5)}"] if others else []
        targets, before = columns.targets, known.schema.column_names
        if sorted(targets) == sorted(before):
            targets = list(before)  # in the order of the network's outputs
        elif len(before) > 1:
            fix = typed_columns("data.target_columns", before)
            rule = f"The checkpoint predicts {listed(list(before), 12)}."
            raise refuse(typed_columns("data.target_columns", targets), rule, fix)
        elif before:
            notes.append(f"the target is {listed(targets, 5)}; in the checkpoint it was called {before[0]}")
        return TableColumns(columns.features, targets, tuple(notes))

    def _given(self, tables: Mapping[str, Table], count: int) -> dict[str, np.ndarray]:
        """Return the rows of each part, counted over all tables in turn; empty where nothing assigns them."""
        if self.split is not None:
            if WHOLE not in tables:
                rule = f"{self.root} already has one file per part."
                raise refuse(f"data.split={self.split}", rule, "data.split=null, or data.root=FILE")
            return read_split(str(self.split), count)
        ends = np.cumsum([len(table.rows) for table in tables.values()])
        places = np.split(np.arange(count), ends[:-1])
        return {} if WHOLE in tables else dict(zip(tables, places, strict=True))


def check_training_part(
    table: Table, columns: TableColumns, kind: str, x: np.ndarray, y: np.ndarray, train: np.ndarray
) -> list[str]:
    """Check the features and targets of the training part, and return notes on what looks suspicious.

    Args:
        table: the one that holds the training part.
        columns: the columns that are read.
        kind: of the target.
        x, y: features and targets of the table's rows.
        train: the rows of the training part.

    Raises:
        UserError: they cannot be trained on.
    """
    problems = list(lost_features(table, columns.features, x[train]))
    if kind != "class":
        problems += unfit_targets(table, columns.targets, y[train], kind)
    if problems:
        raise UserError(*problems)
    notes = shortened(row_numbers(columns.features, x))
    return [*notes, *shortened(suspicions(columns.features, x[train], columns.targets, y[train]))]


def far_values(
    tables: Sequence[Table], columns: TableColumns, data: Values, by: Features, known: Schema | None, train: np.ndarray
) -> list[str]:
    """Return notes on numbers far outside the range of the training part, or of the checkpoint's.

    Raises:
        UserError: some are so far outside that they must be in another unit.
    """
    looked_at = [(columns.features, data.features, np.array(by.mean), np.array(by.scale))]
    if data.schema.target in ("value", "count"):
        mean, scale = (known.mean, known.scale) if known else mean_and_scale(np.concatenate(data.targets)[train])
        looked_at.append((columns.targets, data.targets, np.array(mean), np.array(scale)))
    faults, notes = [], []
    for names, matrices, mean, scale in looked_at:
        for table, matrix in zip(tables, matrices, strict=True):
            wrong, said = outliers(table, names, matrix, mean, scale)
            faults += wrong
            notes += said
    if faults:
        raise faults_error(faults)
    return notes


def _strata(target: np.ndarray, kind: str) -> np.ndarray:
    """Return strata (N,): the class; the decile of the first value or count; or the number of labels."""
    if kind == "class":
        return target
    return target.sum(1) if kind == "multilabel" else value_strata(target[:, 0])
