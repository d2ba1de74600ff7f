from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lossbook.data.csv_extremes import lost_features, outliers, unfit_targets
from lossbook.data.csv_table import Table


def table(columns: np.ndarray) -> Table:
    return Table(
        Path("t.csv"), ["a", "b"], [[str(cell) for cell in row] for row in columns], list(range(2, len(columns) + 2))
    )


def test_a_spread_beyond_sixteen_digits_is_lost() -> None:
    columns = np.stack([1e15 + np.arange(20), 1e9 + np.arange(20)], 1)
    (problem,) = lost_features(table(columns), ["a", "b"], columns)
    assert "column a holds numbers up to 1e+15 with a standard deviation of 5.7" in problem.given


def test_rounding_of_a_constant_is_no_spread() -> None:
    columns = np.array([[0.1 + 0.2, 1.0], [0.3, 1.0]])
    assert list(lost_features(table(columns), ["a", "b"], columns)) == []


def test_labels_that_never_change() -> None:
    labels = np.array([[0.0, 1.0], [0.0, 1.0]])
    (problem,) = unfit_targets(table(labels), ["a", "b"], labels, "multilabel")
    assert "every label is the same" in problem.given
    assert list(unfit_targets(table(labels), ["a", "b"], np.eye(2), "multilabel")) == []


@pytest.mark.parametrize(("cell", "refused", "said"), [(9e3, 0, 0), (2e4, 0, 1), (2e9, 1, 0), (-1e38, 1, 0)])
def test_cells_far_out_are_said_or_refused(cell: float, refused: int, said: int) -> None:
    columns = np.array([[0.0, 1.0], [cell, 1.0]])
    faults, notes = outliers(table(columns), ["a", "b"], columns, np.zeros(2), np.ones(2))
    assert (len(faults), len(notes)) == (refused, said)
    assert all(fault.lines == [3] for fault in faults)
    assert all("t.csv line 3: a is '20000.0', 20,000 standard deviations" in note for note in notes)
