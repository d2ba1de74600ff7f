"""Reading a CSV file that assigns each sample to train, val or test."""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from lossbook.data.part_names import PART_OF, part_of
from lossbook.data.tables.text import read_text
from lossbook.errors import refuse

_SHOWN = 20  # mistakes of one kind that are named
_SAMPLE = ("name", "file", "filename", "path", "row")
_PART = ("part", "split", "set")
_FORM = "data.split must be a CSV file with the columns name (or row, from 0) and part: train, val or test."


def read_split(path: str, count: int, names: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """Return the positions of the samples of each part, in the data's own order.

    Args:
        path: of a CSV file with a column of samples (``name``, or ``row``, from 0) and one of parts (``part``),
            separated by commas, semicolons or tabs.
        count: number of samples.
        names: of the samples, as paths with ``/`` below the data's folder; None where samples are numbered. A file's
            name without its folder is enough where it is unique.

    Raises:
        UserError: the file cannot be read; a sample is unknown, repeated or missing; a part is unknown.
    """
    samples, parts, lines = _columns(Path(path).expanduser(), path)
    wrong = [f"line {line}: {part!r}" for part, line in zip(parts, lines, strict=True) if part_of(part) is None]
    _refuse_any(path, wrong, "unknown parts", f"A part must be one of {', '.join(PART_OF)}.")
    places = _places(path, samples, lines, count, names)
    first: dict[int, int] = {}
    twice = [
        f"lines {first[place]} and {line}: {sample}"
        for place, sample, line in zip(places, samples, lines, strict=True)
        if first.setdefault(place, line) != line
    ]
    _refuse_any(path, twice, "a sample twice", "Each sample must be listed once.")
    missing = [str(place) if names is None else names[place] for place in range(count) if place not in first]
    _refuse_any(path, missing, f"no part for {len(missing):,} of {count:,} samples", "Each sample must have a part.")
    rows: dict[str, list[int]] = {}
    for place, part in sorted(zip(places, parts, strict=True)):
        rows.setdefault(str(part_of(part)), []).append(place)
    return {part: np.array(members) for part, members in rows.items()}


def _columns(path: Path, given: str) -> tuple[list[str], list[str], list[int]]:
    """Return the cells of the two columns, and their lines."""
    if not (path.is_file() and os.access(path, os.R_OK)):
        raise refuse(f"data.split={given} is not a readable file.", _FORM, "data.split=FILE")
    text = read_text(path)
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        rows = [([cell.strip() for cell in row], reader.line_num) for row in reader if row]
    except csv.Error as error:
        raise refuse(f"data.split={given} is not a CSV file ({error}).", _FORM, "data.split=FILE") from error
    head = [name.lower() for name in rows[0][0]] if rows else []
    samples, parts = ([place for place, name in enumerate(head) if name in known] for known in (_SAMPLE, _PART))
    if not len(samples) == len(parts) == 1:
        fix = "use the header line name,part or row,part"
        raise refuse(f"data.split={given} has the columns {', '.join(head) or '(none)'}.", _FORM, fix)
    (sample,), (part,) = samples, parts
    short = [f"line {line}" for row, line in rows[1:] if len(row) <= max(sample, part)]
    _refuse_any(given, short, "lines with too few cells", _FORM)
    return [row[sample] for row, _ in rows[1:]], [row[part] for row, _ in rows[1:]], [line for _, line in rows[1:]]


def _places(
    path: str, samples: Sequence[str], lines: Sequence[int], count: int, names: Sequence[str] | None
) -> list[int]:
    if names is None:
        known = {str(row): row for row in range(count)}
        rule = f"The data has {count:,} rows, numbered from 0 to {count - 1:,}."
    else:
        short = [PurePosixPath(name).name for name in names]
        alone = {name for name, times in Counter(short).items() if times == 1}
        known = {name: row for row, name in enumerate(short) if name in alone}
        known |= {name: row for row, name in enumerate(names)}
        rule = f"The data has {count:,} files, such as {names[0]}."
    plain = [sample.replace("\\", "/").removeprefix("./") for sample in samples]
    unknown = [f"line {line}: {sample}" for sample, line in zip(plain, lines, strict=True) if sample not in known]
    _refuse_any(path, unknown, "unknown samples", rule)
    return [known[sample] for sample in plain]


def _refuse_any(path: str, found: Iterable[str], what: str, rule: str) -> None:
    found = list(found)
    if found:
        more = f" and {len(found) - _SHOWN:,} more" if len(found) > _SHOWN else ""
        raise refuse(f"data.split={path} has {what}: {', '.join(found[:_SHOWN])}{more}.", rule, f"correct {path}")
