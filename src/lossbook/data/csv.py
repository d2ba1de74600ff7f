"""A user's own table, as a CSV file with a header line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lossbook.data.assignment import assigned
from lossbook.data.csv_classes import absent
from lossbook.data.csv_columns import Columns, chosen
from lossbook.data.csv_columns import names as column_names
from lossbook.data.csv_columns import typed as typed_columns
from lossbook.data.csv_extremes import distant, lost_features, unfit_targets
from lossbook.data.csv_faults import few, listed, told
from lossbook.data.csv_parts import WHOLE, read_tables
from lossbook.data.csv_suspicions import numbering, suspicions
from lossbook.data.csv_table import Table
from lossbook.data.csv_values import Values, values
from lossbook.data.digests import input_digests
from lossbook.data.fitted import FittedData
from lossbook.data.scale import mean_and_scale
from lossbook.data.schema import Schema
from lossbook.data.source import PARTS, Features, Parts, Source
from lossbook.data.split import value_strata
from lossbook.data.split_table import read_split
from lossbook.data.tabular import measured, standardised, standardised_parts
from lossbook.errors import UserError, refuse, typed

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
        split: a table of parts (``split_table``), for a single file.
        seed: fixes the split, or the order of samples within parts that are given.
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
            raise refuse(f"data.target={self.target}", f"A CSV file gives {', '.join(KINDS)}.", "data.target=class")
        found = read_tables(self.root, self.delimiter, evaluating)
        tables = list(found.values())
        columns = self._columns(tables[0], known, evaluating)
        named = self.feature_columns is not None or known is not None
        data = values(tables, columns, self.target, named, () if known is None else known.schema.class_names)
        x, y = np.concatenate(data.features), np.concatenate(data.targets)
        by = None if known is None else known.features
        digests = None if by is None else input_digests({"input": standardised(x, by)})
        given = self._given(found, len(x))
        assignment = assigned(given, _strata(y, self.target), self.seed, known, digests, evaluating)
        rows = {part: assignment.rows.get(part, np.arange(0)) for part in PARTS}
        notes = [*columns.notes, *data.notes, *assignment.notes]
        if not evaluating:
            notes += checked(tables[0], columns, self.target, data.features[0], data.targets[0], rows["train"])
        if known is None:
            by = measured(columns.features, x[rows["train"]])
        assert by is not None
        notes += few(far_out(tables, columns, data, by, None if known is None else known.schema, rows["train"]))
        targets = {part: y[chosen] for part, chosen in rows.items()}
        if self.target == "class":
            notes += absent(data.schema.class_names, {part: one for part, one in targets.items() if len(one)})
        else:
            targets = {part: one.astype(np.float32) for part, one in targets.items()}
        parts = standardised_parts(data.schema, {part: x[chosen] for part, chosen in rows.items()}, targets, by)
        return replace(parts, features=by, rows=rows, notes=tuple(notes))

    def _columns(self, table: Table, known: FittedData | None, evaluating: bool) -> Columns:
        """Which columns are read: those of the checkpoint, or as the user says."""
        if known is None:
            return chosen(table, self.target, self.target_columns, self.feature_columns)
        if known.features is None:
            raise refuse(
                f"data.root={self.root} with a checkpoint that was not trained on a table.",
                "Columns are scaled by the statistics that the checkpoint keeps of them.",
                "the data that it was trained on",
            )
        names = known.features.names
        if shared := [name for name in column_names("data.target_columns", self.target_columns) if name in names]:
            wrong = typed_columns("data.target_columns", shared)
            raise refuse(wrong, "The checkpoint reads it as a feature.", "the target that it was trained on")
        columns = chosen(table, self.target, self.target_columns, names)
        if self.feature_columns is not None:
            given = chosen(table, self.target, self.target_columns, self.feature_columns).features
            if set(given) != set(names):
                rule = f"The checkpoint reads {listed(list(names), 12)}."
                raise refuse(f"data.feature_columns={typed(given)}", rule, "data.feature_columns=null")
        if self.feature_columns is None and not evaluating:  # training would pass over what may well be worth learning
            found = chosen(table, self.target, self.target_columns, None).features
            if new := [name for name in found if name not in names]:
                rule = f"The checkpoint reads {listed(list(names), 12)}, and its network has no input for others."
                fix = f"{typed_columns('data.feature_columns', names)} reads those alone"
                raise refuse(f"{table.path} has the columns {listed(new, 5)} beside the checkpoint's.", rule, fix)
        others = [name for name in table.header if name and name not in (*names, *columns.targets)]
        notes = [f"columns that the checkpoint does not read: {listed(others, 5)}"] if others else []
        targets, before = columns.targets, known.schema.column_names
        if sorted(targets) == sorted(before):
            targets = list(before)  # in the order of its outputs
        elif len(before) > 1:
            fix = typed_columns("data.target_columns", before)
            rule = f"The checkpoint predicts {listed(list(before), 12)}."
            raise refuse(typed_columns("data.target_columns", targets), rule, fix)
        elif before:
            notes.append(f"the target is {listed(targets, 5)}; what the checkpoint predicts was called {before[0]}")
        return Columns(columns.features, targets, tuple(notes))

    def _given(self, tables: Mapping[str, Table], count: int) -> dict[str, np.ndarray]:
        """The rows of each part, of all tables one after the other, where files or a table of parts say."""
        if self.split is not None:
            if WHOLE not in tables:
                rule = f"{self.root} has a file for each part already."
                raise refuse(f"data.split={self.split}", rule, "data.split=null, or data.root=FILE")
            return read_split(str(self.split), count)
        ends = np.cumsum([len(table.rows) for table in tables.values()])
        places = np.split(np.arange(count), ends[:-1])
        return {} if WHOLE in tables else dict(zip(tables, places, strict=True))


def checked(table: Table, columns: Columns, kind: str, x: np.ndarray, y: np.ndarray, train: np.ndarray) -> list[str]:
    """What a user should know of features and targets, now that the training part is known.

    Args:
        table: that holds the training part.
        columns: of it.
        kind: of the target.
        x, y: features and targets of its rows.
        train: the rows of the training part.

    Raises:
        UserError: they cannot be trained on.
    """
    problems = list(lost_features(table, columns.features, x[train]))
    if kind != "class":
        problems += unfit_targets(table, columns.targets, y[train], kind)
    if problems:
        raise UserError(*problems)
    notes = few(numbering(columns.features, x))
    return [*notes, *few(suspicions(columns.features, x[train], columns.targets, y[train]))]


def far_out(
    tables: Sequence[Table], columns: Columns, data: Values, by: Features, known: Schema | None, train: np.ndarray
) -> list[str]:
    """Numbers far from those of the training part, or of the checkpoint's.

    Raises:
        UserError: so far that they must be of another unit.
    """
    looked_at = [(columns.features, data.features, np.array(by.mean), np.array(by.scale))]
    if data.schema.target in ("value", "count"):
        mean, scale = (known.mean, known.scale) if known else mean_and_scale(np.concatenate(data.targets)[train])
        looked_at.append((columns.targets, data.targets, np.array(mean), np.array(scale)))
    faults, notes = [], []
    for names, matrices, mean, scale in looked_at:
        for table, matrix in zip(tables, matrices, strict=True):
            wrong, said = distant(table, names, matrix, mean, scale)
            faults += wrong
            notes += said
    if faults:
        raise told(faults)
    return notes


def _strata(target: np.ndarray, kind: str) -> np.ndarray:
    """Classes as they are; values and counts by the first column's deciles; label sets by their size."""
    if kind == "class":
        return target
    return target.sum(1) if kind == "multilabel" else value_strata(target[:, 0])
