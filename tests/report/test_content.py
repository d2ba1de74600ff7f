"""What a report holds: how many runs there are, and what became of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lossbook.report.content import counts, different_data, winner_of
from lossbook.report.report import report

Write = Callable[..., Path]


def test_runs_are_counted_by_how_they_ended(tmp_path: Path, run: Write) -> None:
    run(tmp_path / "a")
    run(tmp_path / "b", seed=1, status="failed", message="It broke.")
    run(tmp_path / "c", None, seed=2)
    (run(tmp_path / "d", seed=3) / "metrics.json").unlink()
    made = report([tmp_path])
    assert (
        counts(made) == "4 runs: 1 completed, 1 failed, 1 no result, 1 unfinished (1 of 4 unfinished: ranks may change)"
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


def test_the_winner_is_named_by_its_folder_its_checkpoint_and_its_command(
    tmp_path: Path, run: Write, printed: Callable[..., str]
) -> None:
    run(tmp_path / "worse", 0.8, optim="sgd")
    run(tmp_path / "good", 0.90)
    best = run(tmp_path / "better", 0.94, seed=1, overrides=["loss=cross_entropy", "optim=adam", "seed=1", "+a=[x y]"])
    made = report([tmp_path])
    found = winner_of(made.boards[0], made)
    assert found is not None
    assert (found.folder, found.checkpoint) == (best, None)
    assert found.command == "python scripts/train.py loss=cross_entropy optim=adam seed=1 '+a=[x y]'"
    (best / "checkpoints").mkdir()
    (best / "checkpoints" / "best.ckpt").touch()
    for text in (printed(made), report([tmp_path]).readme.read_text()):
        assert str(best / "checkpoints" / "best.ckpt") in text
        assert found.command in text


def test_data_that_nobody_chose_is_told_where_it_differs(
    tmp_path: Path, run: Write, printed: Callable[..., str]
) -> None:
    for seed in (0, 1):
        run(tmp_path / f"digits-{seed}", seed=seed)
    assert different_data(report([tmp_path])) == ""
    run(tmp_path / "diabetes", loss="mse", choices={"data": "diabetes"}, primary="val/r2")
    made = report([tmp_path])
    told = "use the default data of each loss: digits (2), diabetes (1); data=digits compares"
    assert told in different_data(made)
    assert "use the default data of each loss: digits (2), diabetes (1)" in made.readme.read_text()
    assert "use the default data of each loss" in printed(made)
    run(tmp_path / "wine", overrides=["data=wine"], choices={"data": "wine"})
    assert different_data(report([tmp_path])) == ""  # it was chosen
