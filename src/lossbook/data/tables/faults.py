"""Reporting mistakes in the cells of tables: with file and line, the first twenty of them and a count of the rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lossbook.errors import Problem, UserError

TOLD = 20  # lines that are named, over all faults


@dataclass(frozen=True)
class Fault:
    """Cells of one column that break one rule.

    Args:
        path: of the file.
        lines: line numbers of the cells, or rows, one or more, ascending.
        what: what the first cell holds: ``size is 'tall'``.
        rule, fix: as in ``Problem``.
        unit: what ``lines`` counts: ``line`` of a text, from 1, or ``row`` of another table, from 0.
    """

    path: Path
    lines: Sequence[int] | np.ndarray
    what: str
    rule: str
    fix: str
    unit: str = "line"


def faults_error(faults: Sequence[Fault]) -> UserError:
    """Return one error for all faults: a problem for each, with the first twenty lines and a count of the rest."""
    problems, left = [], TOLD
    for fault in faults:
        if left == 0:
            break
        first, *others = fault.lines[:left]
        more = f"; likewise {_lines(others, fault.unit)}" if others else ""
        rest = len(fault.lines) - len(others) - 1
        more += f" and {rest:,} more" if rest else ""
        problems.append(Problem(f"{fault.path} {fault.unit} {first}: {fault.what}{more}", fault.rule, fault.fix))
        left -= len(others) + 1
    if rest := sum(len(fault.lines) for fault in faults[len(problems) :]):
        problems.append(Problem(f"{rest:,} more cell{'s' * (rest > 1)}", f"Only the first {TOLD} mistakes are shown."))
    return UserError(*problems)


def _lines(numbers: Sequence[int], unit: str) -> str:
    return f"{unit}{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}"


def shortened(notes: Iterable[str], most: int = 5) -> list[str]:
    """Return the first ``most`` notes of one kind, and how many more there are."""
    notes = list(notes)
    more = len(notes) - most
    return [*notes[:most], f"{more:,} more like the last"] if more > 0 else notes


def quoted(text: str, longest: int = 40) -> str:
    """Return a cell or name in quotes, on one line, truncated where it is long."""
    return repr(text if len(text) <= longest else text[: longest - 3] + "...")


def listed(names: Sequence[str], most: int = 8) -> str:
    """Return the first ``most`` names, joined by commas, and how many more there are."""
    shown = ", ".join(name if name.isprintable() and 0 < len(name) <= 40 else quoted(name) for name in names[:most])
    return shown + (f" and {len(names) - most:,} more" if len(names) > most else "")
