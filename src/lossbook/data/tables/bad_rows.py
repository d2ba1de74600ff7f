"""Collecting the rows of tables that cannot be read, to report or to leave out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lossbook.data.tables.faults import TOLD, Fault, faults_error
from lossbook.data.tables.number_faults import looks
from lossbook.data.tables.numbers import MISSING
from lossbook.data.tables.table import Table
from lossbook.errors import Problem

_LOOKED_AT = 1000  # bad cells of a column whose kind of mistake is told apart


class BadRows:
    """The rows that cannot be read, over several tables.

    Args:
        tables: in order.
    """

    def __init__(self, tables: Sequence[Table]) -> None:
        self.tables = tables
        self.bad = [np.zeros(table.count, bool) for table in tables]
        self.faults: list[Fault] = []

    def add(self, table: int, column: str, bad: np.ndarray, rule: str, fix: str, what: str | None = None) -> None:
        """Add the rows of a table in which a column breaks a rule.

        Args:
            table: its place.
            column: name.
            bad: (N,) whether a row is bad.
            rule, fix: as in ``Problem``.
            what: what the first cell holds, where its text would not do.
        """
        rows = np.flatnonzero(bad)
        if len(rows):
            self.faults.append(self.tables[table].fault(column, rows, rule, fix, what))
            self.bad[table] |= bad

    def problems(self) -> list[Problem]:
        """Return a problem for each bad row of each fault."""
        return [
            Problem(f"{fault.path} {fault.unit} {line}: {fault.what}", fault.rule, fault.fix)
            for fault in self.faults
            for line in fault.lines
        ]

    def add_cells(self, table: int, column: str, bad: np.ndarray, rule: str, fix: str) -> None:
        """Add the rows in which a cell is no number, with what each looks like.

        Args:
            table, column, bad: as in ``add``.
            rule, fix: for a text that does not look like a number at all.
        """
        rows = np.flatnonzero(bad)
        kinds: dict[tuple[str, str], list[int]] = {}
        for row in rows[:_LOOKED_AT].tolist():
            kinds.setdefault(_said(self.tables[table].cell(column, row).strip(), rule, fix), []).append(row)
        for place, ((rule, fix), members) in enumerate(kinds.items()):
            if place == 0:
                members += rows[_LOOKED_AT:].tolist()
            self.faults.append(self.tables[table].fault(column, np.array(members), rule, fix))
        self.bad[table] |= bad

    def add_missing(self, table: int, column: str, missing: np.ndarray, what: str) -> None:
        """Add the rows that lack a value, told apart by how that is written.

        Args:
            table, column: as in ``add``.
            missing: (N,) whether a row lacks one.
            what: the row needs.
        """
        written: dict[bool, list[int]] = {}
        rows = np.flatnonzero(missing)
        for row in rows[:_LOOKED_AT].tolist():
            cell = self.tables[table].cell(column, row).strip()
            written.setdefault(cell in MISSING and cell != "", []).append(row)
        for place, (as_text, members) in enumerate(sorted(written.items())):
            if place == 0:
                members += rows[_LOOKED_AT:].tolist()
            rule = f"Every row needs {what}" + ("; this is a missing value written as text." if as_text else ".")
            fix = "fill it in or delete the row, or data.on_bad=skip"
            self.faults.append(self.tables[table].fault(column, np.array(members), rule, fix))
        self.bad[table] |= missing

    def settle(self, on_bad: str) -> tuple[list[np.ndarray], list[str]]:
        """Return the rows of each table that can be read, and notes on those that are left out.

        Args:
            on_bad: ``fail`` or ``skip``.

        Raises:
            UserError: there are bad rows, and they are not to be skipped, or no other ones.
        """
        if self.faults and (on_bad == "fail" or all(bad.all() for bad in self.bad)):
            raise faults_error(self.faults)
        notes = []
        if self.faults:
            count, total = sum(int(bad.sum()) for bad in self.bad), sum(len(bad) for bad in self.bad)
            notes.append(f"left out: {count:,} of {total:,} rows that cannot be read")
            notes += [f"left out: {problem.given}" for problem in faults_error(self.faults).problems[:TOLD]]
        return [np.flatnonzero(~bad) for bad in self.bad], notes


def _said(cell: str, rule: str, fix: str) -> tuple[str, str]:
    if cell.lower().lstrip("+-") in ("inf", "infinity"):
        return "Numbers must be finite.", "write a finite number, or delete the row"
    found, how = looks(cell, fix)
    return (rule, fix) if how == fix and rule else (found, how)
