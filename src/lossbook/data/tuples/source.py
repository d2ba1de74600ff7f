"""A user's own pairs or triplets, from a CSV file of paths or numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from lossbook.data.assignment import assign_parts
from lossbook.data.fitted import FittedData
from lossbook.data.images.options import ImageOptions, NormaliseOption
from lossbook.data.part_names import part_of
from lossbook.data.schema import Schema
from lossbook.data.source import PARTS, OwnSource, Parts
from lossbook.data.split_options import split_plan
from lossbook.data.split_table import read_split
from lossbook.data.statistics import described_parts
from lossbook.data.tuples.inputs import TupleInputs, image_inputs, vector_file_inputs, vector_inputs
from lossbook.data.tuples.table import Column, Tuples, read_tuples
from lossbook.errors import refuse, typed

COLUMNS = {"pair": ("first", "second"), "triplet": ("anchor", "positive", "negative")}
_OF_IMAGES = ("image_size", "channels", "resize", "normalise", "grey_bits")


@dataclass(frozen=True)
class TupleTable(OwnSource):
    """Pairs or triplets of images, of vectors in .npy files, or of columns of numbers.

    Args:
        root: a CSV file, which is split; or a folder with ``train.csv``, ``test.csv`` and perhaps ``val.csv``.
        target: ``pair`` or ``triplet``.
        columns: of each input, two or three: a column of paths, or a list of columns of numbers. None: ``COLUMNS``.
        target_column: whether a pair belongs together: 1 or 0, 1 or -1, true or false. None for triplets.
        folder: that paths start from; None for the folder of the CSV file.
        image_size, channels, resize, normalise, grey_bits, on_bad: see ``ImageOptions``.
        split: file that assigns the rows to parts (see ``split_table``).
        fractions, folds, fold: of a random split; see ``split_plan``.
        group_column: rows with the same value stay in one part.
        seed: of splits and of the order of samples within the parts.
    """

    root: str
    target: str
    columns: Sequence[Column] | None = None
    target_column: str | None = None
    folder: str | None = None
    image_size: int | Sequence[int] | None = None
    channels: int = 3
    resize: str = "crop"
    normalise: NormaliseOption = "imagenet"
    grey_bits: int | None = None
    on_bad: str = "fail"
    split: str | None = None
    fractions: Sequence[float] | None = None
    group_column: str | None = None
    folds: int | None = None
    fold: int = 0
    seed: int = 0

    def _load(self, known: FittedData | None, evaluating: bool) -> Parts:
        options = ImageOptions.of(self)
        options.checked()
        columns = COLUMNS[self.target] if self.columns is None else self.columns
        inputs = len(COLUMNS[self.target])
        if isinstance(columns, str) or len(columns) != inputs:
            rule = f"Each of the {inputs} inputs of a {self.target} needs a column of paths, or a list of columns."
            raise refuse(f"data.columns={typed(columns)}", rule, f"data.columns={typed(COLUMNS[self.target])}")
        tables = self._tables(columns)
        ends = np.cumsum([len(table) for table in tables.values()])
        places = dict(zip(tables, np.split(np.arange(ends[-1]), ends[:-1]), strict=True))
        given = {} if "" in tables else places
        if self.split is not None:
            if given:
                rule = f"{self.root} already has one file per part."
                raise refuse(f"data.split={self.split}", rule, "data.split=null")
            given = read_split(str(self.split), int(ends[-1]))
        missing = [part for part in ("train", "test") if given and part not in given]
        if missing and not evaluating:
            rule = "Training and test need samples; without any in val, 15 % of train are used."
            raise refuse(f"the data has no sample in {' or in '.join(missing)}", rule, "add them, or give no parts")
        every = list(tables.values())
        told = [table.same for table in every if table.same is not None]
        same = np.concatenate(told) if told else None
        made = self._inputs(every, same, options, known)
        at = np.full(ends[-1], -1)
        at[made.rows] = np.arange(len(made.rows))
        given = {part: at[rows][at[rows] >= 0] for part, rows in given.items()}
        grouped = [table.groups for table in every if table.groups is not None]
        groups = np.concatenate(grouped)[made.rows] if grouped else None
        plan = split_plan(bool(given), self.fractions, self.folds, self.fold, groups, evaluating=evaluating)
        strata = np.zeros(len(made.rows), np.int64) if same is None else same[made.rows]
        assignment = assign_parts(given, strata, self.seed, known, made.digests, evaluating, plan)
        rows = {part: assignment.rows.get(part, np.arange(0)) for part in PARTS}
        parts = {part: made.part(chosen) for part, chosen in rows.items()}
        normalise, notes = made.normalisation(rows["train"])
        notes = [*made.notes, *notes, *_shared(made.members, rows), *assignment.notes]
        loaded = described_parts(Schema(self.target, made.shape, 0), parts, normalise, notes, made.reader)
        return replace(loaded, rows={part: made.rows[chosen] for part, chosen in rows.items()})

    def _tables(self, columns: Sequence[Column]) -> dict[str, Tuples]:
        """Return the table of each part, or one under the empty name."""
        root = Path(str(self.root)).expanduser()
        found = {"": root}
        if root.is_dir():
            files = [(part_of(path.stem), path) for path in sorted(root.iterdir()) if path.suffix.lower() == ".csv"]
            found = {part: path for part, path in files if part is not None}
            if not found or len(found) < sum(part is not None for part, _ in files):
                rule = "A folder must hold train.csv, test.csv and perhaps val.csv, each once."
                raise refuse(f"data.root={typed(self.root)}", rule, "data.root=FILE, or rename the files")
        same = self.target_column if self.target == "pair" else None
        tables = {part: read_tuples(path, columns, same, self.group_column) for part, path in found.items()}
        base = None if self.folder is None else Path(str(self.folder)).expanduser()
        return {part: table.below(base or found[part].parent) for part, table in tables.items()}

    def _inputs(
        self, tables: Sequence[Tuples], same: np.ndarray | None, options: ImageOptions, known: FittedData | None
    ) -> TupleInputs:
        """Return the inputs of all rows: images, or vectors, for which options of images have no effect."""
        vectors = [table.vectors for table in tables if table.vectors is not None]
        paths = [row for table in tables for row in table.paths]
        of_files = sum(cell.lower().endswith(".npy") for row in paths for cell in row)
        if not vectors and not of_files:
            return image_inputs(paths, same, options, known)
        defaults = {field.name: field.default for field in fields(self)}
        keys = [*_OF_IMAGES, *(["folder", "on_bad"] if vectors else [])]
        if chosen := [key for key in keys if getattr(self, key) != defaults[key]]:
            said = " ".join(f"data.{key}={typed(getattr(self, key))}" for key in chosen)
            raise refuse(said, "The inputs are vectors: options of images and files have no effect.", "leave them out")
        if vectors:
            return vector_inputs(np.concatenate(vectors), same)
        if of_files < sum(map(len, paths)):
            rule = "Inputs are all images, or all vectors in .npy files."
            raise refuse(f"{self.root} names {of_files:,} .npy files and others", rule, f"correct {self.root}")
        return vector_file_inputs(paths, same, self.on_bad == "skip")


def _shared(members: np.ndarray, rows: Mapping[str, np.ndarray]) -> Iterator[str]:
    """Yield a note where inputs of the test part are also in tuples of the training part."""
    tested, trained = (np.unique(members[rows[part]]) for part in ("test", "train"))
    if both := int(np.isin(tested, trained).sum()):
        yield (
            f"{both:,} of {len(tested):,} inputs of test samples are also in samples of train"
            " (data.group_column or data.split keep them apart)"
        )
