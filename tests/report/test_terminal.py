"""A report in short: what fits a terminal."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from lossbook.report.report import report

Write = Callable[..., Path]


def test_in_short_it_fits_a_terminal(night: Path, tmp_path: Path, run: Write, printed: Callable[..., str]) -> None:
    made = report([night])
    text = printed(made)
    assert all(len(line) <= 100 for line in text.splitlines() if not line.startswith("report "))
    assert "val/acc on digits" in text
    assert "18 jobs: 13 completed, 1 failed, 3 refused, 1 not run yet" in text
    assert re.search(r"report\s+\S+README\.md", text)
    for number in range(25):
        names = {"loss": "multilabel_soft_margin", "optim": f"a_long_optimizer_{number}"}
        run(tmp_path / "many" / str(number), number / 100, **names,
            overrides=[f"optim=o{number}", "scheduler=x"], choices={"scheduler": f"warm_restarts_{number}"},
            metrics={"test/acc": 0.5}, memory_mb=12345)  # fmt: skip
    text = printed(report([tmp_path / "many"]))
    assert all(len(line) <= 100 for line in text.splitlines() if not line.startswith("report "))
    assert "and 15 more" in text
    assert len(re.findall(r"12,345 MB", text)) == 10
