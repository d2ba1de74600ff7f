from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lossbook.data.tables import extremes
from lossbook.data.tables.columns import TableColumn
from lossbook.data.tables.extremes import far_features, far_targets, lost_differences, outliers, unfit_targets
from lossbook.data.tables.table import Table
from lossbook.errors import UserError

Texts = Callable[..., Table]


def test_a_spread_beyond_sixteen_digits_is_lost(texts: Texts) -> None:
    table = texts({"a": [1]})
    problem = lost_differences(table, "a", 1e15 + np.arange(20))
    assert problem is not None
    assert "column a holds numbers up to 1e+15 with a standard deviation of 5.7" in problem.given
    assert lost_differences(table, "a", 1e9 + np.arange(20)) is None


def test_rounding_of_a_constant_is_no_spread(texts: Texts) -> None:
    assert lost_differences(texts({"a": [1]}), "a", np.array([0.1 + 0.2, 0.3])) is None


def test_labels_that_never_change(texts: Texts) -> None:
    labels = np.array([[0.0, 1.0], [0.0, 1.0]])
    (problem,) = unfit_targets(texts({"a": [1]}), ["a", "b"], labels, "multilabel")
    assert "every label is the same" in problem.given
    assert list(unfit_targets(texts({"a": [1]}), ["a", "b"], np.eye(2), "multilabel")) == []


@pytest.mark.parametrize(("cell", "refused", "said"), [(9e3, 0, 0), (2e4, 0, 1), (2e9, 1, 0), (-1e38, 1, 0)])
def test_cells_far_out_are_said_or_refused(texts: Texts, cell: float, refused: int, said: int) -> None:
    tables = [texts({"a": [0.0]}), texts({"a": [0.0, cell]})]
    faults, notes = outliers(tables, "a", np.array([2, 0, 1]), np.array([cell, 0, 0]), 0, 1)
    assert (len(faults), len(notes)) == (refused, said)
    assert all(fault.lines == [3] for fault in faults)
    assert all("t.csv line 3: a is '20000.0', 20,000 standard deviations" in note for note in notes)


def test_numbers_far_out_are_found_in_any_block(texts: Texts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extremes, "BLOCK", 4)
    values = np.array([[0.0, 1], [1, 0], [0, 3e4], [1, 1], [2e10, 0]])
    tables = [texts({"a": values[:, 0].tolist(), "b": values[:, 1].tolist()})]
    order = np.array([4, 0, 1, 3, 2])
    features = [TableColumn(name, "number", (0,), (0,), (1,)) for name in "ab"]
    near = order[1:]
    assert "line 4: b is '30000.0', 30,000 standard" in far_targets(tables, "ab", near, values, (0, 0), (1, 1))[0]
    assert "line 4: b is '30000.0', 30,000 standard" in far_features(tables, features, near, values[near])[0]
    for look in (
        lambda: far_targets(tables, "ab", order, values, (0, 0), (1, 1)),
        lambda: far_features(tables, features, order, values[order]),
    ):
        with pytest.raises(UserError, match=r"line 6: a is '20000000000\.0'"):
            look()
