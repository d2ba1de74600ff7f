"""The columns of a table that a checkpoint goes on with, or is evaluated on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lossbook.data.fitted import FittedData
from lossbook.data.tables.choosing import (
    Chosen,
    choose_columns,
    column_names,
    require_columns,
    target_names,
    typed_columns,
)
from lossbook.data.tables.faults import listed
from lossbook.data.tables.kinds import Kind
from lossbook.data.tables.reader import TableReader
from lossbook.data.tables.table import Table
from lossbook.errors import refuse, typed

if TYPE_CHECKING:
    from lossbook.data.tables.source import TableSource


def known_reader(known: FittedData, root: object) -> TableReader:
    """Return the reader of a checkpoint that was trained on a table.

    Raises:
        UserError: it was trained on other data.
    """
    if isinstance(known.reader, TableReader):
        return known.reader
    if known.features is None:
        raise refuse(
            f"data.root={root} with a checkpoint that was not trained on a table.",
            "Columns are read by the statistics stored in the checkpoint.",
            "give the data that it was trained on",
        )
    return TableReader.of_features(known.features)


def known_columns(
    source: TableSource, table: Table, reader: TableReader, known: FittedData, evaluating: bool
) -> tuple[Chosen, list[str]]:
    """Return the columns of a table that a checkpoint reads, its targets, and notes.

    Raises:
        UserError: the table lacks one, or the options ask for others.
    """
    names = reader.names
    wanted = column_names("data.target_columns", source.target_columns)
    if shared := [name for name in wanted if name in names]:
        wrong = typed_columns("data.target_columns", shared)
        raise refuse(wrong, "The checkpoint uses it as a feature.", "give the target that it was trained on")
    targets = target_names(table, source.target, source.target_columns)
    require_columns(table, names)
    if source.feature_columns is not None:
        given = column_names("data.feature_columns", source.feature_columns)
        require_columns(table, given)
        if set(given) != set(names):
            rule = f"The checkpoint reads {listed(list(names), 12)}."
            raise refuse(f"data.feature_columns={typed(given)}", rule, "data.feature_columns=null")
    elif not evaluating:  # training would ignore columns that may be useful
        others = source.others(table)
        found = choose_columns(table, source.target, source.target_columns, None, source.columns, others).features
        if new := [name for name in found if name not in names]:
            rule = f"The checkpoint reads {listed(list(names), 12)}, and its network has no input for others."
            fix = f"{typed_columns('data.feature_columns', names)} reads only those"
            raise refuse(f"{table.path} has the additional columns {listed(new, 5)}.", rule, fix)
    rest = [name for name in table.header if name and name not in (*names, *targets)]
    notes = [f"columns that the checkpoint does not read: {listed(rest, 5)}"] if rest else []
    targets, said = _in_order(targets, known.schema.column_names)
    features = {column.name: Kind(column.kind, column.form) for column in reader.columns}
    return Chosen(features, targets), [*notes, *said]


def _in_order(targets: list[str], before: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the targets in the order of the network's outputs."""
    if sorted(targets) == sorted(before):
        return list(before), []
    if len(before) > 1:
        fix = typed_columns("data.target_columns", before)
        rule = f"The checkpoint predicts {listed(list(before), 12)}."
        raise refuse(typed_columns("data.target_columns", targets), rule, fix)
    return targets, [
        f"the target is {listed(targets, 5)}; in the checkpoint it was called {before[0]}"
    ] if before else []
