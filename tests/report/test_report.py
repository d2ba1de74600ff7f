from __future__ import annotations

import csv
import json
import os
import re
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from rich.console import Console

import lossbook
from lossbook.errors import UserError
from lossbook.report.report import print_short, report

Write = Callable[..., Path]


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def printed(made) -> str:
    console = Console(width=100, record=True, file=open(os.devnull, "w"), highlight=False)  # noqa: SIM115
    print_short(made, console)
    console.file.close()
    return console.export_text()


@pytest.fixture
def night(tmp_path: Path, run: Write, sweep: Callable[..., None]) -> Path:
    """Three losses, one on other data, two optimizers, three seeds, and all that goes wrong."""
    folder, jobs = tmp_path / "night", []
    for loss, data in (("mse", "digits"), ("l1", "digits"), ("ctc", "digit_lines")):
        for optim in ("adam", "sgd"):
            for seed in (0, 1, 2):
                number = len(jobs)
                refused = "ctc | sgd do not fit" if (loss, optim) == ("ctc", "sgd") else None
                jobs.append((f"loss={loss} optim={optim} seed={seed}", refused))
                if refused or number == 11:  # never started
                    continue
                value = 0.5 + 0.01 * ((7 * number) % 5)
                line = [0.1, 0.3, value]
                metrics = {"test/acc": value - 0.1, "val/loss": 1 - value}
                place = folder / str(number)
                run(place, value, loss=loss, optim=optim, seed=seed, choices={"data": data}, metrics=metrics,
                    curve={"val/acc": line}, wall_time_s=number / 2, memory_mb=100 + number)  # fmt: skip
    record = {"status": "failed", "message": "killed:\nsignal | 9", "primary": None, "metrics": {}}
    (folder / "4" / "metrics.json").write_text(json.dumps(record))
    (folder / "4" / "config.yaml").unlink()
    sweep(folder, jobs, ["loss", "optim", "seed"])
    return folder


def test_the_figures_equal_a_recount_from_the_runs(night: Path) -> None:
    report([night])
    by_configuration: dict[tuple[str, str], list[dict]] = defaultdict(list)
    for path in night.glob("*/metrics.json"):
        words = dict(
            word.split("=")
            for word in json.loads((night / "sweep.json").read_text())["jobs"][int(path.parent.name)]["overrides"]
        )
        by_configuration[words["loss"], words["optim"]].append(json.loads(path.read_text()))
    rows = rows_of(night / "report" / "leaderboard.csv")
    assert len(rows) == len(by_configuration)
    for row in rows:
        records = by_configuration[row["loss"], row["optim"]]
        good = [record for record in records if record["status"] == "completed"]
        values = [record["metrics"]["val/acc"] for record in good]
        tests = [record["metrics"]["test/acc"] for record in good]
        assert float(row["mean"]) == pytest.approx(statistics.mean(values), rel=1e-6)
        assert float(row["deviation"]) == pytest.approx(statistics.stdev(values), rel=1e-6)
        assert float(row["test_mean"]) == pytest.approx(statistics.mean(tests), rel=1e-6)
        assert float(row["wall_time_s"]) == pytest.approx(statistics.mean(one["wall_time_s"] for one in good))
        assert float(row["memory_mb"]) == max(one["memory_mb"] for one in good)
        assert (int(row["seeds"]), int(row["failed"])) == (len(good), len(records) - len(good))
    for title in {row["set"] for row in rows}:
        means = [float(row["mean"]) for row in rows if row["set"] == title]
        assert means == sorted(means, reverse=True)
        assert [int(row["rank"]) for row in rows if row["set"] == title] == list(range(1, len(means) + 1))
    assert {row["set"] for row in rows} == {"val/acc on digits", "val/acc on digit_lines"}


def test_every_run_stands_in_runs_csv(night: Path) -> None:
    report([night])
    rows = rows_of(night / "report" / "runs.csv")
    assert [int(row["number"]) for row in rows] == [*range(11), 12, 13, 14]
    assert (rows[5]["loss"], rows[5]["optim"], rows[5]["seed"]) == ("mse", "sgd", "2")
    assert float(rows[5]["val/acc"]) == json.loads((night / "5" / "metrics.json").read_text())["metrics"]["val/acc"]
    assert (rows[4]["status"], rows[4]["loss"], rows[4]["optim"], rows[4]["seed"]) == ("failed", "mse", "sgd", "1")
    assert rows[4]["set"] == "val/acc on digits"
    assert rows[4]["val/acc"] == ""


def test_the_page_is_markdown_and_tells_all(night: Path) -> None:
    made = report([night])
    page = made.readme.read_text()
    tokens = MarkdownIt("commonmark").enable("table").parse(page)
    widths: list[set[int]] = []
    for token in tokens:
        if token.type == "table_open":
            widths.append(set())
        elif token.type == "tr_open":
            cells = 0
        elif token.type in ("td_close", "th_close"):
            cells += 1
        elif token.type == "tr_close":
            widths[-1].add(cells)
    assert len(widths) == 5  # overview, two boards, runs without a figure, refused
    assert all(len(width) == 1 for width in widths)
    images = [child.attrs["src"] for token in tokens for child in token.children or [] if child.type == "image"]
    assert sorted(images) == sorted(path.name for path in made.out.glob("*.png"))
    assert {"ranking-val-acc-on-digits.png", "pairs-val-acc-on-digits.png", "curves-val-acc-on-digits.png"} <= set(
        images
    )
    links = [child.attrs["href"] for token in tokens for child in token.children or [] if child.type == "link_open"]
    assert [(made.out / link).resolve() for link in links] == [(night / "4").resolve()]
    assert "killed:<br>signal \\| 9" in page
    assert "ctc \\| sgd do not fit" in page
    assert "18 jobs: 13 completed, 1 failed, 3 refused, 1 not run yet" in page
    assert "loss=l1,optim=sgd,seed=2" in page  # not run yet
    assert f"python scripts/report.py {night}" in page
    assert "scripts/train.py -m" in page


def test_in_short_it_fits_a_terminal(night: Path, tmp_path: Path, run: Write) -> None:
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
def test_a_single_run_has_a_report(tmp_path: Path, run: Write, status: str) -> None:
    run(
        tmp_path, 0.5 if status == "completed" else None, status=status, message="" if status == "completed" else "boom"
    )
    made = report([tmp_path])
    page = made.readme.read_text()
    assert ("0.5000" if status == "completed" else "boom") in page
    assert printed(made)


def test_sixty_runs_take_seconds_and_no_torch(tmp_path: Path, run: Write) -> None:
    for number in range(60):
        line = [0.1 + number / 100 - 0.1 / (at + 1) for at in range(30)]
        run(tmp_path / str(number), line[-1], optim=f"o{number // 3}", seed=number % 3,
            curve={f"{part}/{name}": line for part in ("train", "val") for name in ("acc", "loss", "f1")})  # fmt: skip
    code = f"""
import sys, time
from pathlib import Path
started = time.process_time()
from lossbook.report.report import report, print_short
print_short(report([Path({str(tmp_path)!r})]))
print(time.process_time() - started, sorted({{"torch", "tensorflow", "lightning", "pandas"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, modules = done.stdout.splitlines()[-1].split(" ", 1)
    assert modules == "[]"
    assert float(seconds) < 8
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
    assert board.rows[0].figure.mean == pytest.approx(results[best])
    assert {path.name for path in made.out.glob("*.png")} == {
        "ranking-val-r2-on-diabetes.png",
        "curves-val-r2-on-diabetes.png",
    }


def test_one_epoch_makes_no_curve(tmp_path: Path, run: Write) -> None:
    for optim in ("adam", "sgd"):
        run(tmp_path / optim, optim=optim, curve={"val/acc": [0.5]})
    made = report([tmp_path])
    assert [path.name for path in made.out.glob("*.png")] == ["ranking-val-acc-on-digits.png"]


def test_data_is_named_once_and_constants_stand_in_one_line(tmp_path: Path, run: Write) -> None:
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
    assert text.count("data.seed=1") == 1


def test_a_sweep_that_is_not_at_its_end_says_so(tmp_path: Path, run: Write, sweep: Callable[..., None]) -> None:
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
    assert "0 of 1" in text  # a configuration without a figure stands in the table
    assert "optim=muon,model.b=true" in page
    assert f"""    python scripts/train.py -m 'a='"'"'b c'"'"''\n    python scripts/report.py {tmp_path}\n""" in page


def test_figures_have_seven_digits(tmp_path: Path, run: Write) -> None:
    run(tmp_path / "a", 0.12999999523162842)
    made = report([tmp_path])
    assert rows_of(made.out / "leaderboard.csv")[0]["mean"] == "0.13"
    assert rows_of(made.out / "runs.csv")[0]["val/acc"] == "0.13"
