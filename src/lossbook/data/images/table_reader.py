"""Images that a table names by their paths, as the table that the network was trained on did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from lossbook.data.images.files import ImageFiles
from lossbook.data.images.reader import ImageReader
from lossbook.data.reader import NewInputs
from lossbook.data.tables.bad_rows import BadRows
from lossbook.data.tables.columns import as_texts, present
from lossbook.data.tables.files import is_table
from lossbook.data.tables.table import Dialect, read_table
from lossbook.errors import Problem, UserError


@dataclass(frozen=True)
class ImageTableReader(ImageReader):
    """Reads images by themselves, or those that tables name; everything else in a table is ignored.

    Args:
        column: of paths, relative to the table; images are called by them.
        delimiter, encoding, decimal: of text, as the user gave them for the training table; None to find them.
    """

    kind: ClassVar[str] = "image_table"

    column: str = "path"
    delimiter: str | None = None
    encoding: str | None = None
    decimal: str | None = None

    def files(self, paths: Sequence[Path], names: Sequence[str]) -> NewInputs:
        images: list[Path] = []
        called: list[str] = []
        bad: list[Problem] = []
        notes: list[str] = []
        for path, name in zip(paths, names, strict=True):
            if not is_table(path):
                images.append(path)
                called.append(name)
                continue
            try:
                cells, wrong, said = self._cells(path)
            except UserError as error:
                bad += error.problems
                continue
            images += [path.parent / Path(cell).expanduser() for cell in cells]
            called += cells
            bad += wrong
            notes += said
        return NewInputs(called, ImageFiles(images, self.form), bad, tuple(notes))

    def _cells(self, path: Path) -> tuple[list[str], list[Problem], Sequence[str]]:
        """Return the paths that a table names, what is wrong with its other rows, and how it was read."""
        table = read_table(path, Dialect(self.delimiter, self.encoding, self.decimal))
        if problem := table.unreadable(self.column):
            raise UserError(problem)
        cells = as_texts(present(table.column(self.column)))
        bad = BadRows([table])
        bad.add(0, self.column, cells.is_null().to_numpy(), "Every row needs an image.", "fill it in or delete the row")
        return cells.drop_nulls().to_list(), bad.problems(), table.notes
