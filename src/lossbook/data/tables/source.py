"""A user's own table: a file of text or Parquet, or a folder with one for each part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from lossbook.data.assignment import assign_parts
from lossbook.data.digests import input_digests
from lossbook.data.fitted import FittedData
from lossbook.data.scale import mean_and_scale
from lossbook.data.source import PARTS, OwnSource, Parts
from lossbook.data.split import value_strata
from lossbook.data.split_options import split_plan
from lossbook.data.split_table import read_split
from lossbook.data.statistics import describe
from lossbook.data.tables.bad_rows import BadRows
from lossbook.data.tables.choosing import choose_columns, column_names, require_columns
from lossbook.data.tables.classes import absent_classes
from lossbook.data.tables.described import columns_table
from lossbook.data.tables.extremes import far_features, far_targets, unfit_targets
from lossbook.data.tables.files import WHOLE, read_tables
from lossbook.data.tables.fitting import fitted_columns
from lossbook.data.tables.inputs import check_cells, written
from lossbook.data.tables.known import known_columns, known_reader
from lossbook.data.tables.reader import TableReader
from lossbook.data.tables.splitting import group_codes, times, weights
from lossbook.data.tables.table import Dialect, Table
from lossbook.data.tables.targets import read_targets, require_separator
from lossbook.errors import UserError, refuse, typed

KINDS = ("class", "multilabel", "value", "count")


@dataclass(frozen=True)
class TableSource(OwnSource):
    """Columns of numbers, booleans, categories and dates, and targets of one kind.

    Args:
        root: a file (CSV, TSV or Parquet, also gzipped); or a folder with one for ``train``, ``val`` and ``test``.
        target: ``class`` (one column of class names), ``multilabel`` (columns of 0 and 1, or one that lists labels),
            ``value`` (numbers) or ``count`` (whole numbers >= 0).
        target_columns: name or names of the target columns.
        feature_columns: names of the features; None for all others that can be read.
        columns: name -> ``number``, ``boolean``, ``category``, ``date`` or ``leave_out``, if not as inferred.
        categories: ``onehot`` for an input a category, ``embedding`` for one with its code.
        missing: ``impute`` medians, with an input that says so, or ``fail``.
        separator: of the labels in one column (multilabel).
        delimiter, encoding, decimal: of text; None to find them.
        group_column, time_column: that divide the rows into parts.
        weight_column: of sample weights.
        fractions, folds, fold: of parts; see ``SplitPlan``.
        split: file that assigns the rows to parts (see ``split_table``), for a single file.
        on_bad: ``fail`` or ``skip`` for rows that cannot be read.
        seed: of the split, or of the order of samples within given parts.
    """

    root: str
    target: str
    target_columns: str | Sequence[str]
    feature_columns: str | Sequence[str] | None = None
    columns: Mapping[str, str] | None = None
    categories: str = "onehot"
    missing: str = "impute"
    separator: str | None = None
    delimiter: str | None = None
    encoding: str | None = None
    decimal: str | None = None
    group_column: str | None = None
    time_column: str | None = None
    weight_column: str | None = None
    fractions: Sequence[float] | None = None
    folds: int | None = None
    fold: int = 0
    split: str | None = None
    on_bad: str = "fail"
    seed: int = 0

    def _load(self, known: FittedData | None, evaluating: bool) -> Parts:
        self._require_options()
        found = read_tables(
            self.root, Dialect(self.delimiter, self.encoding, self.decimal, self.on_bad == "skip"), evaluating
        )
        tables = list(found.values())
        notes = [note for table in tables for note in table.notes]
        if WHOLE not in found and "val" not in found and not evaluating:
            notes.append("without a file for val, 15 % of the training rows validate")
        bad = BadRows(tables)
        reader = None
        if known is None:
            chosen = choose_columns(
                tables[0], self.target, self.target_columns, self.feature_columns, self.columns, self.others(tables[0])
            )
        else:
            reader = known_reader(known, self.root)
            chosen, said = known_columns(self, tables[0], reader, known, evaluating)
            notes += said
        kinds = {name: (kind.name, kind.form) for name, kind in chosen.features.items()}
        require_separator(self.separator, self.target, chosen.targets)
        targets = read_targets(
            tables, chosen.targets, self.target, bad, None if known is None else known.schema, self.separator
        )
        schema = targets.schema
        y = targets.values[0] if len(tables) == 1 else np.concatenate(targets.values)
        notes += targets.notes
        del targets
        missing = check_cells(tables, kinds, self.missing if reader is None else reader.missing, bad)
        groups, moments, weight = self._dividing(tables, bad, evaluating)
        kept, said = bad.settle(self.on_bad)
        notes += said
        places, given = rows_of_parts(found, kept)
        if self.split is not None:
            given = self._split(found, len(y), places)
        if not places.size:
            raise refuse(f"{self.root} has no rows that can be read", "Each part needs one.", "add rows")
        plan = split_plan(
            bool(given), self.fractions, self.folds, self.fold, _of(groups, places), _of(moments, places),
            evaluating=evaluating,
        )  # fmt: skip
        matrix = digests = None
        if reader is not None:
            matrix, said = written(reader.columns, tables, places)
            notes += said
            digests = input_digests({"input": torch.from_numpy(matrix)})
        strata = strata_of(y[places], self.target)
        assignment = assign_parts(given, strata, self.seed, known, digests, evaluating, plan)
        notes += assignment.notes
        order, rows = _one_after_another(assignment.rows)
        if matrix is not None:
            matrix = _reordered(matrix, order)
        order[:] = places[order]
        del bad, kept, strata, plan, groups, moments, given, places, assignment, digests  # as large as columns
        if not evaluating and len(rows["train"]):
            notes += check_targets(tables[0], chosen.targets, self.target, y[rows["train"]])
        if reader is None:
            columns, said = fitted_columns(
                tables, chosen, rows["train"], y[rows["train"]], self.categories == "embedding"
            )
            reader = TableReader(columns, self.missing, self.delimiter, self.encoding, self.decimal)
            notes.insert(0, columns_table(self.root, len(y), chosen, columns, missing))
            notes += said
        said = []
        if self.target in ("value", "count"):
            by = (known.schema.mean, known.schema.scale) if known else mean_and_scale(y[rows["train"]])
            said = far_targets(tables, chosen.targets, order, y, *by)
        if self.target == "class":
            said = absent_classes(schema.class_names, {p: y[r] for p, r in rows.items() if len(r)})
        parts = _beside_inputs(self.target, rows, y, weight)
        schema = replace(schema, input_shape=(reader.width,), categories=reader.categories)
        schema = describe(schema, {**parts["train"], "input": parts["train"]["target"]})
        del y, weight
        if matrix is None:  # last, since nothing else is as large
            matrix, unseen = written(reader.columns, tables, order)
            notes += unseen
        notes += [*far_features(tables, reader.columns, order, matrix), *said]
        inputs = torch.from_numpy(matrix).split([len(rows[part]) for part in PARTS])
        train, val, test = ({"input": own, **parts[part]} for part, own in zip(PARTS, inputs, strict=True))
        features = reader.features
        return Parts(schema, train, val, test, features=features, reader=reader, rows=rows, notes=tuple(notes))

    def _require_options(self) -> None:
        if self.target not in KINDS:
            rule = f"The target of a table must be one of {', '.join(KINDS)}."
            raise refuse(f"data.target={self.target}", rule, "data.target=class")
        allowed = {
            "categories": ("onehot", "embedding"), "missing": ("impute", "fail"), "on_bad": ("fail", "skip")
        }  # fmt: skip
        for key, words in allowed.items():
            if getattr(self, key) not in words:
                rule = f"It is {' or '.join(words)}."
                raise refuse(f"data.{key}={typed(getattr(self, key))}", rule, f"data.{key}={words[0]}")

    def others(self, table: Table) -> list[str]:
        """Return the names of the columns of groups, times and weights."""
        names = []
        for key in ("group_column", "time_column", "weight_column"):
            if getattr(self, key) is not None:
                (name,) = column_names(f"data.{key}", [getattr(self, key)])
                require_columns(table, [name])
                names.append(name)
        return list(dict.fromkeys(names))

    def _dividing(
        self, tables: Sequence[Table], bad: BadRows, evaluating: bool
    ) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]:
        """Return groups, times and weights of all rows, (N,) each; None where no column has them."""
        groups = moments = weight = None
        if self.group_column is not None and not evaluating:
            groups = group_codes(tables, str(self.group_column).strip(), bad)
        if self.time_column is not None and not evaluating:
            moments = times(tables, str(self.time_column).strip(), bad)
        if self.weight_column is not None:
            weight = weights(tables, str(self.weight_column).strip(), bad)
        return groups, moments, weight

    def _split(self, found: Mapping[str, Table], count: int, places: np.ndarray) -> dict[str, np.ndarray]:
        """Return the rows of each part as ``data.split`` gives them, as places among those that are kept."""
        if WHOLE not in found:
            rule = f"{self.root} already has one file per part."
            raise refuse(f"data.split={self.split}", rule, "data.split=null, or data.root=FILE")
        given = read_split(str(self.split), count)
        if len(places) == count:
            return given
        rank = np.full(count, -1)
        rank[places] = np.arange(len(places))
        return {part: rank[rows][rank[rows] >= 0] for part, rows in given.items()}


def check_targets(table: Table, names: Sequence[str], kind: str, train: np.ndarray) -> list[str]:
    """Check the targets of the training part.

    Raises:
        UserError: nothing can be learned from them.
    """
    if kind == "class":
        if len(np.unique(train)) < 2:
            rule = "Classification needs at least two classes in the training part."
            raise refuse(f"{table.path}: the training part holds one class", rule, "add rows, or another data.seed")
        return []
    if problems := list(unfit_targets(table, names, train, kind)):
        raise UserError(*problems)
    return []


def _of(values: np.ndarray | None, places: np.ndarray) -> np.ndarray | None:
    return None if values is None else values[places]


def rows_of_parts(found: Mapping[str, Table], kept: Sequence[np.ndarray]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the places of the rows that are kept, over all tables in turn, and of each given part among them."""
    starts = np.cumsum([0, *(table.count for table in found.values())])
    places = np.concatenate([rows + start for rows, start in zip(kept, starts, strict=False)])
    ends = np.cumsum([len(rows) for rows in kept])
    own = np.split(np.arange(len(places)), ends[:-1])
    return places, {} if WHOLE in found else dict(zip(found, own, strict=True))


def strata_of(target: np.ndarray, kind: str) -> np.ndarray:
    """Return strata (N,): the class; the decile of the first value or count; or the number of labels."""
    if kind == "class":
        return target
    return target.sum(1) if kind == "multilabel" else value_strata(target[:, 0])


def _reordered(matrix: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return the rows of a matrix in an order, in its own memory, a column at a time."""
    for column in matrix.T:
        column[: len(order)] = column[order]
    return matrix[: len(order)]


def _one_after_another(given: Mapping[str, np.ndarray]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the rows of all parts in turn, as an array of their own, and the slice of each part."""
    rows = [given.get(part, np.arange(0)) for part in PARTS]
    order = np.concatenate(rows)
    return order, dict(zip(PARTS, np.split(order, np.cumsum([len(own) for own in rows])[:-1]), strict=True))


def _beside_inputs(
    kind: str, rows: Mapping[str, np.ndarray], y: np.ndarray, weight: np.ndarray | None
) -> dict[str, dict[str, torch.Tensor]]:
    """Return what the rows of each part have beside their inputs: targets, and weights where there are any."""
    y = y if kind == "class" else y.astype(np.float32)
    return {
        part: {
            "target": torch.from_numpy(y[chosen]),
            **({} if weight is None else {"weight": torch.from_numpy(weight[chosen])}),
        }
        for part, chosen in rows.items()
    }
