"""What a report holds: how many runs there are, and what became of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lossbook.report.content import counts
from lossbook.report.report import report

Write = Callable[..., Path]


def test_runs_are_counted_by_how_they_ended(tmp_path: Path, run: Write) -> None:
    run(tmp_path / "a")
    run(tmp_path / "b", seed=1, status="failed", message="It broke.")
    run(tmp_path / "c", None, seed=2)
    (run(tmp_path / "d", seed=3) / "metrics.json").unlink()
    made = report([tmp_path])
    assert (
        counts(made) == "4 runs: 1 completed, 1 failed, 1 no figure, 1 unfinished (1 of 4 unfinished: ranks may change)"
    )
    assert [one.folder.name for one in made.lost] == ["b", "c", "d"]
    assert made.readme == tmp_path / "report" / "README.md"


def test_jobs_of_a_sweep_that_were_refused_or_wait_are_counted_too(
    tmp_path: Path, run: Write, sweep: Callable[..., None]
) -> None:
    jobs = [("loss=mse", None), ("loss=l1", None), ("loss=ctc", "It takes text."), ("loss=nll", None)]
    sweep(tmp_path, jobs, ["loss"])
    run(tmp_path / "0", loss="mse")
    run(tmp_path / "1", loss="l1", status="interrupted")
    made = report([tmp_path])
    assert made.unfinished == "2 of 3 unfinished"
    assert counts(made).startswith("4 jobs: 1 completed, 1 interrupted, 1 refused, 1 not run yet (2 of 3 unfinished")
