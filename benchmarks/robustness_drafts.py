"""Valid tables that faults change before they are written, and the overrides that read them."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

LOSSES = {"class": "cross_entropy", "value": "mse", "count": "poisson_nll", "multilabel": "bce_logits"}
PARTS = ("train", "val", "test")


@dataclass
class Draft:
    """A table before it is written: valid at first, then changed by faults.

    Args:
        target: kind.
        header, rows: cells as they will be written.
        targets: names of the target's columns.
        parts: whether the rows are split into ``train.csv``, ``val.csv`` and ``test.csv``.
        mark, end, encoding: delimiter, line ending and encoding.
        delimiter: ``data.delimiter`` as it is typed, or None.
        options: further overrides, by key.
        name: of the file, or of the folder of parts.
        edits: final changes: (name, bytes) -> other bytes, or None for no file.
    """

    target: str
    header: list[str]
    rows: list[list[str]]
    targets: list[str]
    parts: bool = False
    mark: str = ","
    end: str = "\n"
    encoding: str = "utf-8"
    delimiter: str | None = None
    options: dict[str, str] = field(default_factory=dict)
    name: str = "table.csv"
    edits: list[Callable[[str, bytes], bytes | None]] = field(default_factory=list)

    def column(self, name: str, change: Callable[[int, str], object]) -> None:
        """Change each cell of a column, given the row number and the text."""
        place = self.header.index(name)
        for number, row in enumerate(self.rows):
            row[place] = str(change(number, row[place]))

    def insert(self, place: int, name: str, cells: Callable[[int], object]) -> None:
        """Add a column."""
        self.header.insert(place, name)
        for number, row in enumerate(self.rows):
            row.insert(place, str(cells(number)))

    def everywhere(self, change: Callable[[bytes], bytes]) -> None:
        """Change the bytes of all files."""
        self.edits.append(lambda name, content: change(content))

    def at(self, part: str, change: Callable[[bytes], bytes | None]) -> None:
        """Split into parts, and change the file of one."""
        self.parts = True
        self.edits.append(lambda name, content: change(content) if name == f"{part}.csv" else content)


def draft(r: random.Random, target: str) -> Draft:
    """Draw a valid table of 12 to 90 rows and two to five features."""
    rows, features = r.randint(12, 90), r.randint(2, 5)
    header = [f"x{number}" for number in range(features)]
    cells = [[f"{r.gauss(0, 1) * 10 ** r.choice((-2, 0, 0, 3)):.4f}" for _ in header] for _ in range(rows)]
    targets = ["y", "z"] if target == "multilabel" else ["y"]
    for number, row in enumerate(cells):
        if target == "multilabel":
            row += [str(number % 2), str(number // 2 % 2)]
        else:
            row.append({"class": "abc"[number % 3], "value": f"{r.gauss(5, 2):.3f}", "count": str(number % 7)}[target])
    r.shuffle(cells)
    return Draft(target, header + targets, cells, targets)


def write(d: Draft, folder: Path) -> list[str]:
    """Write the files, and return the overrides that read them."""
    lines = [d.mark.join(row) for row in (d.header, *d.rows)]
    files = {d.name: lines}
    if d.parts:
        bounds = [1, max(2, len(lines) * 6 // 10), max(3, len(lines) * 8 // 10), len(lines) + 1]
        files = {
            f"{part}.csv": [lines[0], *lines[start:stop]]
            for part, start, stop in zip(PARTS, bounds[:-1], bounds[1:], strict=True)
        }
    for name, text in files.items():
        content: bytes | None = (d.end.join(text) + d.end).encode(d.encoding, errors="replace")
        for edit in d.edits:
            with suppress(ValueError, IndexError):  # another edit removed what this one changes
                content = None if content is None else edit(name, content)
        if content is not None:
            (folder / name).write_bytes(content)
    root = folder if d.parts else folder / d.name
    options = {
        "data.root": "'" + str(root).replace("'", "\\'") + "'",
        "data.target": d.target,
        "data.target_columns": f"[{','.join(d.targets)}]",
        **({} if d.delimiter is None else {"data.delimiter": d.delimiter}),
        **d.options,
    }
    return ["data=table", f"loss={LOSSES[d.target]}", *(f"{key}={value}" for key, value in options.items())]
