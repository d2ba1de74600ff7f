from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lossbook.optim.range_test import RangeTestCurve
from lossbook.plots.range_test import draw


@pytest.mark.parametrize("diverged", [True, False])
def test_a_picture_with_and_without_a_suggestion(tmp_path: Path, diverged: bool) -> None:
    rates = np.geomspace(1e-6, 1, 40)
    for name, losses in (("falls", np.linspace(2, 1, 40)), ("rises", np.linspace(1, 2, 40))):
        draw(RangeTestCurve(2.0, list(rates), list(losses), diverged), "a title", tmp_path / f"{name}.png")
        assert (tmp_path / f"{name}.png").stat().st_size > 10_000
