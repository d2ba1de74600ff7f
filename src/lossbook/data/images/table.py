"""Images that a table names by their paths, with the table's targets."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from lossbook.data.assignment import assign_parts
from lossbook.data.fitted import FittedData
from lossbook.data.images.format import ImageFormat
from lossbook.data.images.opening import open_images
from lossbook.data.images.options import ImageOptions, NormaliseOption
from lossbook.data.images.table_reader import ImageTableReader
from lossbook.data.source import PARTS, OwnSource, Parts
from lossbook.data.split_options import split_plan
from lossbook.data.split_table import read_split
from lossbook.data.statistics import described_parts
from lossbook.data.tables.bad_rows import BadRows
from lossbook.data.tables.choosing import require_columns, target_names
from lossbook.data.tables.columns import as_texts, present
from lossbook.data.tables.faults import listed
from lossbook.data.tables.files import WHOLE, read_tables
from lossbook.data.tables.source import KINDS, check_targets, rows_of_parts, strata_of
from lossbook.data.tables.splitting import group_codes, times
from lossbook.data.tables.table import Dialect, Table
from lossbook.data.tables.targets import read_targets, require_separator
from lossbook.errors import refuse, typed
from lossbook.formatting import plural


@dataclass(frozen=True)
class ImageTable(OwnSource):
    """Images from files, and targets of one kind from the columns of a table.

    Args:
        root: of the table: a file (CSV, TSV or Parquet, also gzipped); or a folder with one for each part.
        image_column: name of the column of paths.
        target: ``class``, ``multilabel``, ``value`` or ``count``.
        target_columns: name or names of the target columns.
        folder: that paths are relative to; None for the table's own.
        separator: of the labels in one column (multilabel).
        delimiter, encoding, decimal: of text; None to find them.
        image_size, channels, resize, normalise, grey_bits, on_bad: see ``ImageOptions``; ``on_bad`` is for rows, too.
        group_column, time_column, fractions, folds, fold: that divide the rows into parts.
        split: file that assigns the rows to parts by number or path (see ``split_table``), for a single file.
        seed: of the split, or of the order of samples within given parts.
    """

    root: str
    image_column: str
    target: str
    target_columns: str | Sequence[str]
    folder: str | None = None
    separator: str | None = None
    delimiter: str | None = None
    encoding: str | None = None
    decimal: str | None = None
    image_size: int | Sequence[int] | None = None
    channels: int = 3
    resize: str = "crop"
    normalise: NormaliseOption = "imagenet"
    grey_bits: int | None = None
    on_bad: str = "fail"
    group_column: str | None = None
    time_column: str | None = None
    fractions: Sequence[float] | None = None
    folds: int | None = None
    fold: int = 0
    split: str | None = None
    seed: int = 0

    def _load(self, known: FittedData | None, evaluating: bool) -> Parts:
        options = ImageOptions.of(self)
        options.checked()
        if self.target not in KINDS:
            rule = f"The target of a table must be one of {', '.join(KINDS)}."
            raise refuse(f"data.target={self.target}", rule, "data.target=class")
        dialect = Dialect(self.delimiter, self.encoding, self.decimal, self.on_bad == "skip")
        found = read_tables(self.root, dialect, evaluating)
        tables = list(found.values())
        column = str(self.image_column).strip()
        names = target_names(tables[0], self.target, self.target_columns)
        require_columns(tables[0], [column])
        require_separator(self.separator, self.target, names)
        bad = BadRows(tables)
        targets = read_targets(tables, names, self.target, bad, None if known is None else known.schema, self.separator)
        paths = _paths(tables, column, bad)
        groups = moments = None
        if self.group_column is not None and not evaluating:
            groups = group_codes(tables, str(self.group_column).strip(), bad)
        if self.time_column is not None and not evaluating:
            moments = times(tables, str(self.time_column).strip(), bad)
        kept, said = bad.settle(self.on_bad)
        places, given = rows_of_parts(found, kept)
        opened = open_images([self._path(paths[row]) for row in places], options, known)
        readable = places[opened.rows]
        rank = np.full(sum(table.count for table in tables), -1)
        rank[readable] = np.arange(len(readable))
        given = {part: _there(rank[places[rows]]) for part, rows in given.items()}
        if self.split is not None:
            given = {part: _there(rank[rows]) for part, rows in self._split(found, paths).items()}
        plan = split_plan(
            bool(given), self.fractions, self.folds, self.fold,
            None if groups is None else groups[readable], None if moments is None else moments[readable],
            evaluating=evaluating,
        )  # fmt: skip
        y = np.concatenate(targets.values)[readable]
        strata = strata_of(y, self.target)
        assignment = assign_parts(given, strata, self.seed, known, opened.digests, evaluating, plan)
        rows = {part: assignment.rows.get(part, np.arange(0)) for part in PARTS}
        if not evaluating and len(rows["train"]):
            said += check_targets(tables[0], names, self.target, y[rows["train"]])
        y = y if self.target == "class" else y.astype(np.float32)
        files = opened.files.with_targets(torch.from_numpy(y))
        parts = {part: files.rows(chosen) for part, chosen in rows.items()}
        measured, noted = opened.normalisation(parts["train"], None if known is None else known.normalise)
        schema = replace(targets.schema, input_shape=files.form.shape)
        notes = [note for table in tables for note in table.notes]
        notes += [*said, *targets.notes, *opened.notes, *noted, *_repeated([paths[row] for row in readable], y, column)]
        notes += assignment.notes
        made = described_parts(schema, parts, measured, notes, self._reader(files.form, column))
        return replace(made, rows={part: readable[chosen] for part, chosen in rows.items()}, names=paths)

    def _path(self, name: str) -> Path:
        """Return the file that a cell names, relative to the folder of images or of the table."""
        root = Path(os.path.expanduser(str(self.root)))
        folder = (
            (root if root.is_dir() else root.parent) if self.folder is None else Path(str(self.folder)).expanduser()
        )
        return folder / Path(name).expanduser()

    def _reader(self, form: ImageFormat, column: str) -> ImageTableReader:
        return ImageTableReader(
            form.channels, form.size, form.grey_bits, form.resize,
            column=column, delimiter=self.delimiter, encoding=self.encoding, decimal=self.decimal,
        )  # fmt: skip

    def _split(self, found: Mapping[str, Table], paths: Sequence[str]) -> dict[str, np.ndarray]:
        if WHOLE not in found:
            rule = f"{self.root} already has one file per part."
            raise refuse(f"data.split={typed(self.split)}", rule, "data.split=null, or data.root=FILE")
        return read_split(str(self.split), len(paths), paths)


def _paths(tables: Sequence[Table], name: str, bad: BadRows) -> list[str]:
    """Return the cells of the column of paths over all tables in turn; rows without one are bad."""
    paths: list[str] = []
    for number, table in enumerate(tables):
        column = as_texts(present(table.column(name)))
        bad.add_missing(number, name, column.is_null().to_numpy(), "an image")
        paths += column.fill_null("").to_list()
    return paths


def _repeated(paths: Sequence[str], targets: np.ndarray, column: str) -> list[str]:
    """Return a note on images that several rows name, or nothing."""
    first: dict[str, int] = {}
    repeated: dict[str, bool] = {}  # whether with different targets
    for row, path in enumerate(paths):
        before = first.setdefault(path, row)
        if before != row:
            repeated[path] = repeated.get(path, False) or not np.array_equal(targets[row], targets[before])
    if not repeated:
        return []
    said = f"{plural(len(repeated), 'image')} of several rows"
    if differ := [path for path, other in repeated.items() if other]:
        said += f", {len(differ):,} of them with different targets ({listed(differ, 3)})"
    return [f"{said}; data.group_column={column} keeps such rows in one part"]


def _there(rows: np.ndarray) -> np.ndarray:
    return rows[rows >= 0]
