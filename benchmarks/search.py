"""Compare a search of forty trials on the handwritten digits, killed halfway and resumed, with the default settings.

    python benchmarks/search.py                     # the data as it is: the default has 268 of 269 right
    python benchmarks/search.py --limit 150         # 150 training samples: there is room for improvement
    python benchmarks/search.py --seeds 0           # without the runs that show the effect of chance

It prints the metrics of the default settings and of the best trial (on validation, which the search uses, and on the
test part, which it does not), how many trials were pruned and how much training that saved, whether the search resumed
after SIGKILL, and whether the printed command reproduces the best metric exactly. The best of forty runs is better than
one by chance alone, so the default settings are also run with as many seeds. On all digits chance does as much as the
search: 18 of 40 seeds of the default also have all 269 right.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from lossbook.search import storage
from lossbook.search.plan import SearchPlan
from lossbook.search.trials import Trial, of_study, ranked

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
SPACE = (
    "optim.lr=interval(1e-4,1e-1)",
    "optim.weight_decay=interval(1e-6,1e-1)",
    "model.dropout=interval(0,0.5)",
    "model.hidden=interval(32,512)",
    "data.batch_size=32,64,128",
    "scheduler=cosine,one_cycle,constant",
)


def start(script: str, *arguments: str, where: Path) -> subprocess.Popen[str]:
    with (where / f"{script}.log").open("a") as log:
        return subprocess.Popen([sys.executable, str(SCRIPTS / script), *arguments], stdout=log, cwd=where, text=True)


def train(arguments: Sequence[str], folder: Path, where: Path) -> dict[str, float]:
    """Return the final metrics of a run."""
    process = start("train.py", *arguments, f"hydra.run.dir={folder}", where=where)
    assert process.wait() == 0, f"see {where / 'train.py.log'}"
    metrics: dict[str, float] = json.loads((folder / "metrics.json").read_text())["metrics"]
    return metrics


def search(arguments: Sequence[str], trials: int, workers: int, where: Path) -> tuple[float, int]:
    """Search, kill it when half of the trials have ended, and resume; return seconds, and how many had ended."""
    folder, began = where / "search", time.perf_counter()
    how = (f"search.trials={trials}", f"search.workers={workers}", f"hydra.sweep.dir={folder}")
    process = start("search.py", *arguments, *how, where=where)
    while (done := len(list(folder.glob("*/metrics.json")))) < trials // 2:
        assert process.poll() is None, f"see {where / 'search.py.log'}"
        time.sleep(0.05)
    process.kill()
    process.wait()
    process = start("search.py", f"search.resume={folder}", f"search.workers={workers}", where=where)
    assert process.wait() == 0, f"see {where / 'search.py.log'}"
    return time.perf_counter() - began, done


def row(name: str, metrics: dict[str, Any]) -> None:
    values = "".join(f"{metrics[tag]:>10.4f}" for tag in ("val/acc", "val/loss", "test/acc", "test/loss"))
    print(f"{name:<34}{values}", flush=True)


def told(trials: Sequence[Trial], epochs: int) -> None:
    counts = {status: sum(trial.status == status for trial in trials) for status in ("completed", "pruned", "failed")}
    trained = sum(trial.epochs or 0 for trial in trials)
    print(f"\ntrials: {counts}; given up: {counts['pruned'] / len(trials):.0%}")
    print(f"epochs trained: {trained:,} of {epochs * len(trials):,}, {trained / (epochs * len(trials)):.0%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=40, help="runs of the default settings")
    parser.add_argument("--limit", type=int, default=None, help="samples of each part")
    parser.add_argument("--keep", type=Path, default=None, help="where to leave everything")
    given = parser.parse_args()
    fixed = [] if given.limit is None else [f"data.limit={given.limit}"]
    with tempfile.TemporaryDirectory() as made:
        where = (given.keep or Path(made)).absolute()
        where.mkdir(parents=True, exist_ok=True)
        print(f"{'':<34}{'val/acc':>10}{'val/loss':>10}{'test/acc':>10}{'test/loss':>10}")
        row("default settings", default := train(fixed, where / "default", where))
        seconds, done = search([*fixed, *SPACE], given.trials, given.workers, where)
        plan, trials = SearchPlan.read(where / "search"), of_study(storage.load(where / "search"))
        best = ranked(trials, plan)[0]
        found = json.loads((where / "search" / str(best.number) / "metrics.json").read_text())["metrics"]
        row(f"best of {len(trials)} trials (#{best.number})", found)
        again = train(plan.overrides(best.values), where / "again", where)
        row("its command again", again)
        if given.seeds:
            runs = [train([*fixed, f"seed={n}", "logger=none"], where / f"seed{n}", where) for n in range(given.seeds)]
            row(f"default, best of {given.seeds} seeds", max(runs, key=lambda one: (one["val/acc"], -one["val/loss"])))
            row(f"default, mean of {given.seeds} seeds", {k: statistics.mean(one[k] for one in runs) for k in default})
        told(trials, plan.epochs or 1)
        print(f"killed when {done} trials had ended, gone on with to {len(trials)}; {seconds:.0f} s in all")
        print(f"the command gives the very metrics: {again == found}")
        print(f"best: {shlex.join(plan.overrides(best.values))}")


if __name__ == "__main__":
    main()
