"""What a user may say about a split."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lossbook.data.split import FRACTIONS
from lossbook.data.split_options import split_plan
from lossbook.errors import UserError

GROUPS = np.array(["a", "b", "b"])
TIMES = np.array([1.0, 2.0, 3.0])


def test_nothing_said_is_the_default() -> None:
    plan = split_plan(False)
    assert (plan.fractions, plan.groups, plan.times, plan.folds, plan.fold) == (FRACTIONS, None, None, None, 0)
    assert split_plan(True) == plan


def test_everything_said_is_kept() -> None:
    assert split_plan(False, [0.5, 0.25, 0.25]).fractions == (0.5, 0.25, 0.25)
    plan = split_plan(False, [0.75, 0.25, 0], 5, 4, GROUPS)
    assert (plan.fractions, plan.folds, plan.fold) == ((0.75, 0.25, 0.0), 5, 4)
    assert plan.groups is GROUPS
    assert split_plan(True, times=TIMES).times is TIMES


def test_thirds_need_not_be_exact() -> None:
    assert sum(split_plan(False, [0.3333333, 0.3333333, 0.3333333]).fractions) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"given": True, "fractions": [0.8, 0.1, 0.1]}, r"data\.fractions=\[0\.8,0\.1,0\.1\]\n  The parts are given"),
        ({"given": True, "folds": 5}, r"data\.folds=5\n  The parts are given"),
        ({"fractions": [0.8, 0.1]}, "three numbers"),
        ({"fractions": [1.1, -0.1, 0]}, "three numbers"),
        ({"fractions": [float("nan"), 0.5, 0.5]}, "three numbers"),
        ({"fractions": [0.8, 0.1, 0.2]}, r"sum to 1; these sum to 1\.1"),
        ({"fractions": [0.8, 0.2, 0]}, "all three parts"),
        ({"fractions": [0.8, 0, 0.2]}, "all three parts"),
        ({"fractions": [0.8, 0.1, 0.1], "folds": 5}, r"the test part is a fold.*\n.*\[0\.85,0\.15,0\]"),
        ({"fractions": [1, 0, 0], "folds": 5}, "samples in train and val"),
        ({"fold": 2}, r"data\.fold=2\n.*no folds.*\n.*data\.folds=5 data\.fold=2"),
        ({"folds": 3, "fold": 3}, "numbered from 0 to 2"),
        ({"groups": GROUPS, "times": TIMES}, r"data\.group_column and data\.time_column"),
        ({"times": np.array([1.0, np.nan, 3.0])}, "rows 1 .from 0. have none"),
        ({"groups": np.array(["a", None, "b"], dtype=object)}, "rows 1 .from 0. have none"),
        ({"times": np.array(["2020-01-01", "NaT"], dtype="datetime64[D]")}, "rows 1 "),
        ({"groups": np.full(100, np.nan)}, "and 80 more"),
    ],
)
def test_what_is_wrong_is_said(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        split_plan(**{"given": False, **options})
