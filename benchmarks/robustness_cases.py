"""Random cases of broken or unusual input, and which results are allowed: trained or refused."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

TRAINED, REFUSED = ("trained",), ("refused",)
EITHER = TRAINED + REFUSED


@dataclass(frozen=True)
class Case:
    """A table, or a folder of tables, in a folder of its own.

    Args:
        kind: the faults, joined by ``+``.
        folder: holds the files.
        overrides: for ``lossbook.compose`` or the command line, without the quotes of the shell.
        allowed: ``trained``, ``refused`` or both; anything else is a bug.
        check: raises AssertionError if the ``Parts`` that are trained on are not what the files hold.
    """

    kind: str
    folder: Path
    overrides: list[str]
    allowed: tuple[str, ...]
    check: Callable[[Any], None]


@dataclass(frozen=True)
class Try:
    """A case with its own function to run.

    Args:
        kind: the faults, joined by ``+``.
        script: ``evaluate`` or ``train``, which a user would run.
        overrides: for ``lossbook.compose``.
        allowed: as in ``Case``.
        run: runs it in an empty folder; raises AssertionError if a metric is wrong.
    """

    kind: str
    script: str
    overrides: list[str]
    allowed: tuple[str, ...]
    run: Callable[[], None]


def cases(
    seed: int,
    count: int,
    folder: Path,
    faults: Mapping[str, tuple[Callable[[Any, random.Random], object], tuple[str, ...], Any]],
    start: Callable[[random.Random, Path, Any], Any],
    fits: Callable[[Any, Any], bool],
    write: Callable[[Any, Path], list[str]],
    check: Callable[[Any, Path, Any], None],
) -> Iterator[Case]:
    """Yield cases with their files written; no fault is repeated before all have been drawn, and a third has two.

    Args:
        seed: of all draws.
        count: of cases.
        folder: holds a folder for each case.
        faults: name -> what spoils the input, what is allowed to happen, and the condition under which it applies.
        start: makes sound input that meets a condition, in a folder.
        fits: whether input meets a condition.
        write: writes the input to a folder, and returns the overrides that read it.
        check: compares the input, its folder, and the ``Parts`` that are trained on.
    """
    r = random.Random(seed)
    order: list[str] = []
    for number in range(count):
        order = order or r.sample(list(faults), len(faults))
        kinds = [order.pop()]
        _, allowed, condition = faults[kinds[0]]
        where = folder / f"{number:05d}"
        spoilt = start(r, where, condition)
        if r.random() < 1 / 3:
            kinds.insert(0, r.choice([kind for kind, (*_, other) in faults.items() if fits(spoilt, other)]))
            allowed = EITHER  # one may undo the other
        for kind in kinds:
            with suppress(OSError, ValueError, IndexError, StopIteration):  # the first removed what this one changes
                faults[kind][0](spoilt, r)
        overrides = write(spoilt, where)
        yield Case(" + ".join(kinds), where, overrides, allowed, partial(check, spoilt, where))


def as_parquet(content: bytes) -> bytes:
    """Return a CSV text as Parquet, with numbers and dates as such and gaps as null; what is no CSV as it is.

    It is converted in a process of its own: a process that is forked while pyarrow's threads run may wait for them
    forever.
    """
    read, write = os.pipe()
    if not (child := os.fork()):
        with os.fdopen(write, "wb") as out, suppress(Exception):
            out.write(_converted(content))
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as file:
        found = file.read()
    os.waitpid(child, 0)
    return found or content


def _converted(content: bytes) -> bytes:
    from pyarrow import BufferOutputStream, csv, parquet, py_buffer

    convert = csv.ConvertOptions(strings_can_be_null=True)
    table = csv.read_csv(py_buffer(content), csv.ReadOptions(use_threads=False), convert_options=convert)
    stream = BufferOutputStream()
    parquet.write_table(table, stream)
    return stream.getvalue().to_pybytes()
