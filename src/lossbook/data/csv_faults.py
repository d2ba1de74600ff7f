"""Mistakes in the cells of tables: where they are, and how many of them are told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lossbook.errors import Problem, UserError

TOLD = 20  # lines of files, over all faults


@dataclass(frozen=True)
class Fault:
    """Cells of one column that break one rule.

    Args:
        path: of the file.
        lines: of the cells in the file, one or more, ascending.
        what: the first cell, after its place: ``size is 'tall'``.
        rule, fix: as a ``Problem`` has them.
    """

    path: Path
    lines: Sequence[int] | np.ndarray
    what: str
    rule: str
    fix: str


def told(faults: Sequence[Fault]) -> UserError:
    """All faults in one error: a problem each, the first twenty lines by number, and a count of the rest."""
    problems, left = [], TOLD
    for fault in faults:
        if left == 0:
            break
        first, *others = fault.lines[:left]
        more = f"; likewise {_lines(others)}" if others else ""
        rest = len(fault.lines) - len(others) - 1
        more += f" and {rest:,} more" if rest else ""
        problems.append(Problem(f"{fault.path} line {first}: {fault.what}{more}", fault.rule, fault.fix))
        left -= len(others) + 1
    if rest := sum(len(fault.lines) for fault in faults[len(problems) :]):
        problems.append(Problem(f"{rest:,} more cell{'s' * (rest > 1)}", f"The first {TOLD} mistakes are told."))
    return UserError(*problems)


def _lines(numbers: Sequence[int]) -> str:
    return f"{'lines' if len(numbers) > 1 else 'line'} {', '.join(map(str, numbers))}"


def few(notes: Iterable[str], most: int = 5) -> list[str]:
    """Notes of one kind, the first of many, and how many more there are."""
    notes = list(notes)
    more = len(notes) - most
    return [*notes[:most], f"{more:,} more like the last"] if more > 0 else notes


def quoted(text: str, longest: int = 40) -> str:
    """A cell or name in quotes, on one line, cut where it is long."""
    return repr(text if len(text) <= longest else text[: longest - 3] + "...")


def listed(names: Sequence[str], most: int = 8) -> str:
    """Names with commas between them; of many the first, and how many more there are."""
    shown = ", ".join(name if name.isprintable() and 0 < len(name) <= 40 else quoted(name) for name in names[:most])
    return shown + (f" and {len(names) - most:,} more" if len(names) > most else "")
