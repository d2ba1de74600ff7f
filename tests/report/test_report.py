from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import lossbook
from lossbook.errors import UserError
from lossbook.report.report import report

Write = Callable[..., Path]


def test_several_folders_and_old_runs(tmp_path: Path, run: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run(Path("outputs/mse-adam/2026-01-01_10-00-00"), 0.5)
    run(Path("outputs/mse-sgd/2026-01-01_10-00-00"), 0.6, optim="sgd")
    path = run(Path("old"), 0.7, optim="muon") / "metrics.json"
    record = json.loads(path.read_text())
    for key in ("mode", "status", "wall_time_s", "epochs", "steps"):
        record.pop(key, None)
    path.write_text(json.dumps({**record, "status": "completed"}))
    made = report([Path("outputs"), Path("old")])
    assert made.out.parent == Path("outputs/reports")
    assert [row.label for row in made.boards[0].rows] == ["muon", "sgd", "adam"]
    again = report([Path("outputs"), Path("old")])  # its own folder holds no runs
    assert again.out != made.out
    assert len(again.runs) == 3


def test_pictures_of_an_earlier_report_go_and_others_stay(tmp_path: Path, run: Write) -> None:
    run(tmp_path / "0", optim="adam")
    run(tmp_path / "1", optim="sgd")
    made = report([tmp_path])
    before = {path.name for path in made.out.glob("*.png")}
    (made.out / "mine.png").write_bytes(b"x")
    (tmp_path / "1" / "config.yaml").write_text((tmp_path / "1" / "config.yaml").read_text().replace("digits", "mnist"))
    report([tmp_path])
    after = {path.name for path in made.out.glob("*.png")}
    assert before == {"ranking-val-acc-on-digits.png"}
    assert after == {"mine.png", "ranking-val-acc-on-digits.png", "ranking-val-acc-on-mnist.png"}
    (tmp_path / "0" / "metrics.json").unlink()
    report([tmp_path])
    assert {path.name for path in made.out.glob("*.png")} == {"mine.png", "ranking-val-acc-on-mnist.png"}


def test_mistakes_are_answered(tmp_path: Path, run: Write) -> None:
    run(tmp_path / "outputs" / "0")
    with pytest.raises(UserError, match=r"no such folder[\s\S]*outputs"):
        report([tmp_path / "output"])
    with pytest.raises(UserError, match="This is a file"):
        report([tmp_path / "outputs" / "0" / "config.yaml"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no run"):
        report([tmp_path / "empty"], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "empty" / "report").exists()


@pytest.mark.parametrize("status", ["failed", "completed"])
def test_a_single_run_has_a_report(tmp_path: Path, run: Write, status: str, printed: Callable[..., str]) -> None:
    run(
        tmp_path, 0.5 if status == "completed" else None, status=status, message="" if status == "completed" else "boom"
    )
    made = report([tmp_path])
    page = made.readme.read_text()
    assert ("0.5000" if status == "completed" else "boom") in page
    assert printed(made)


def test_a_report_of_many_runs_needs_no_torch(tmp_path: Path, run: Write) -> None:
    for number in range(60):
        line = [0.1 + number / 100 - 0.1 / (at + 1) for at in range(30)]
        run(tmp_path / str(number), line[-1], optim=f"o{number // 3}", seed=number % 3,
            curve={f"{part}/{name}": line for part in ("train", "val") for name in ("acc", "loss", "f1")})  # fmt: skip
    code = f"""
import sys
from pathlib import Path
from lossbook.report.report import report, print_short
print_short(report([Path({str(tmp_path)!r})]))
print(sorted({{"torch", "tensorflow", "lightning", "pandas"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert not done.stderr


def test_a_real_sweep_of_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    results = {}
    for optim in ("adam", "sgd"):
        config = lossbook.compose("loss=mse", f"optim={optim}", "trainer.max_epochs=2", "trainer.accelerator=cpu")
        results[optim] = lossbook.train(config)["val/r2"]
    made = report([Path("outputs")])
    (board,) = made.boards
    assert board.title == "val/r2 on diabetes"
    best = max(results, key=results.__getitem__)
    assert board.rows[0].label == best
    assert board.rows[0].result.mean == pytest.approx(results[best])
    assert {path.name for path in made.out.glob("*.png")} == {
        "ranking-val-r2-on-diabetes.png",
        "curves-val-r2-on-diabetes.png",
    }


def test_one_epoch_makes_no_curve(tmp_path: Path, run: Write) -> None:
    for optim in ("adam", "sgd"):
        run(tmp_path / optim, optim=optim, curve={"val/acc": [0.5]})
    made = report([tmp_path])
    assert [path.name for path in made.out.glob("*.png")] == ["ranking-val-acc-on-digits.png"]


def test_data_is_named_once_and_constants_stand_in_one_line(
    tmp_path: Path, run: Write, printed: Callable[..., str]
) -> None:
    for number, (seed, decay) in enumerate([(1, 0.0), (1, 0.1), (2, 0.0), (2, 0.1)]):
        typed = [f"data.seed={seed}", f"optim.weight_decay={decay}", f"trainer.max_epochs={seed}"]
        values = {"data.seed": seed, "data.source.seed": seed, "optim.weight_decay": decay, "trainer.max_epochs": seed}
        run(tmp_path / str(number), 0.9 - number / 10, overrides=typed, values=values)
    made = report([tmp_path])
    page, text = made.readme.read_text(), printed(made)
    assert "All with `trainer.max_epochs=1`." in page
    assert text.splitlines()[0].startswith("val/acc on digits (data.seed=1)  weight_decay=0: 0.9000, one seed")
    assert "\n\n\n" not in text
    assert "completed" not in text  # all of them
    assert text.replace(" data.seed=1 optim", "").count("data.seed=1") == 1  # but for the command


def test_a_sweep_that_is_not_at_its_end_says_so(
    tmp_path: Path, run: Write, sweep: Callable[..., None], printed: Callable[..., str]
) -> None:
    lines = ["optim=adam model.b=True", "optim=sgd model.b=True", "optim=muon model.b=True", "optim=x model.b=True"]
    jobs = [(line, "no" if "=x" in line else None) for line in lines]
    sweep(tmp_path, jobs, ["optim"], command=[f"{tmp_path}/scripts/train.py", "-m", "a='b c'"])
    run(tmp_path / "0", optim="adam")
    (run(tmp_path / "1", optim="sgd") / "metrics.json").unlink()
    made = report([tmp_path])
    page, text = made.readme.read_text(), printed(made)
    said = "4 jobs: 1 completed, 1 unfinished, 1 refused, 1 not run yet (2 of 3 unfinished: ranks may change)"
    assert said in page
    assert said in text
    assert page.splitlines()[0].endswith("(2 of 3 unfinished)")
    assert "0 of 1" in text  # a configuration without a metric stands in the table
    assert "optim=muon,model.b=true" in page
    assert f"""    python scripts/train.py -m 'a='"'"'b c'"'"''\n    python scripts/report.py {tmp_path}\n""" in page


def test_a_page_that_is_no_report_is_left_alone_and_so_are_its_pictures(tmp_path: Path, run: Write) -> None:
    run(tmp_path / "runs")
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "README.md").write_text("# Mine\n\n![arch](arch.png)\n")
    (docs / "arch.png").write_bytes(b"x")
    with pytest.raises(UserError, match="is not a report") as refused:
        report([tmp_path / "runs"], docs)
    assert sorted(path.name for path in docs.iterdir()) == ["README.md", "arch.png"]
    made = report([tmp_path / "runs"], Path(refused.value.problems[0].fix.removeprefix("out=")))
    assert report([tmp_path / "runs"], made.out).readme == made.readme  # its own it may replace


def test_a_report_of_an_earlier_version_is_replaced(tmp_path: Path, run: Write) -> None:
    run(tmp_path / "runs")
    last = "`leaderboard.csv` has all configurations, `runs.csv` every run with all its figures."
    (tmp_path / "README.md").write_text(f"# Report\n\n{last}\n")
    assert last not in report([tmp_path / "runs"], tmp_path).readme.read_text()


def test_who_looks_for_runs_before_there_are_any_is_told_how_to_make_some(tmp_path: Path, run: Write) -> None:
    (tmp_path / "output").mkdir()
    with pytest.raises(UserError, match=r"Fix: run python scripts/train.py first"):
        report([tmp_path / "outputs"])
    run(tmp_path / "output" / "mse-adam" / "0")
    with pytest.raises(UserError, match=rf"Fix: {tmp_path / 'output'}$"):
        report([tmp_path / "outputs"])


def test_a_setting_may_hold_what_would_be_a_formula(tmp_path: Path, run: Write) -> None:
    for number, name in enumerate(("$a_{$", "b$^{$", "c")):
        for lr in (0.1, 0.01):
            named = [f"model.name={name}", f"optim.lr={lr}"]
            run(tmp_path / f"{number}-{lr}", lr, overrides=named, values={"model.name": name, "optim.lr": lr},
                curve={"val/acc": [0.1, lr]})  # fmt: skip
    assert sum(map(len, report([tmp_path]).pictures)) == 3  # ranking, pairs, curves


def test_a_picture_that_somebody_added_to_the_page_stays(tmp_path: Path, run: Write) -> None:
    run(tmp_path / "runs")
    made = report([tmp_path / "runs"], tmp_path / "out")
    made.readme.write_text(made.readme.read_text() + "\n![mine: of these](mine.png)\n")
    (made.out / "mine.png").write_bytes(b"x")
    (made.out / "ranking-gone.png").write_bytes(b"x")
    page = made.readme.read_text()
    assert "ranking-val-acc-on-digits.png" in page
    made.readme.write_text(page.replace('<!-- pictures: ["', '<!-- pictures: ["ranking-gone.png", "'))
    report([tmp_path / "runs"], tmp_path / "out")
    assert sorted(path.name for path in made.out.glob("*.png")) == ["mine.png", "ranking-val-acc-on-digits.png"]


def test_runs_that_do_not_say_what_their_data_held_are_marked(
    tmp_path: Path, run: Write, printed: Callable[..., str]
) -> None:
    run(tmp_path / "0", 0.5, optim="adam")
    run(tmp_path / "1", 0.6, optim="sgd", data=None)
    made = report([tmp_path])
    page, shown = made.readme.read_text(), printed(made)
    for text in (page, shown):
        assert "† One run has no data fingerprint" in text
        assert len([line for line in text.splitlines() if "1†" in line and "sgd" in line]) == 1
        assert not [line for line in text.splitlines() if "†" in line and "adam" in line]
