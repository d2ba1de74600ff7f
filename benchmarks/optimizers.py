"""Make the README's table of optimizers: default settings, on digits with cross-entropy.

    python benchmarks/optimizers.py                         # all, about 20 minutes on two cores
    python benchmarks/optimizers.py --only adam sgd --seeds 0 1
    python benchmarks/optimizers.py --write                 # writes the table to README.md

Mean and standard deviation of test accuracy over seeds of training, on one split, with the weights of the best epoch on
validation; the training loss after the first and the last epoch; the median time. sparse_adam has its own data,
compared with adam on the same model. Settings were chosen on validation.
"""

from __future__ import annotations

import argparse
import csv
import io
import statistics
import sys
from concurrent.futures import ThreadPoolExecutor

from accuracy import run, write

from lossbook.config.options import Options, conf_folder

TOKENS = ("data=digit_tokens",)  # sparse_adam's data
LEAST, SECONDS = 0.97, 60.0
Row = tuple[str, tuple[str, ...]]  # an optimizer, and additional arguments


def rows() -> list[Row]:
    names = Options([conf_folder()]).names("optim")
    return [*((name, ()) for name in names), ("adam", TOKENS)]


def train(job: tuple[Row, int]) -> dict[str, float]:
    """Return a run's test accuracy, seconds, and first and last training loss."""
    (optim, more), seed = job
    metrics, curves = run(f"optim={optim}", *more, f"seed={seed}", "logger=csv", "trainer=cpu")
    losses = [float(line["train/loss"]) for line in csv.DictReader(io.StringIO(curves)) if line["train/loss"]]
    print(optim, *more, seed, f"{metrics['seconds']:.1f} s", file=sys.stderr, flush=True)
    return {"acc": metrics["test/acc"], "seconds": metrics["seconds"], "first": losses[0], "last": losses[-1]}


def judged(row: Row, runs: list[dict[str, float]]) -> tuple[str, bool]:
    """Return a row of the table, and whether it is as good and as fast as expected."""
    optim, more = row
    accuracies = [one["acc"] for one in runs]
    mean, spread = statistics.mean(accuracies), statistics.stdev(accuracies) if len(runs) > 1 else 0.0
    first, last = (statistics.mean(one[key] for one in runs) for key in ("first", "last"))
    seconds = statistics.median(one["seconds"] for one in runs)
    data = "digit_tokens" if optim == "sparse_adam" or more else "digits"
    # on its own data sparse_adam is compared with adam on the same model, not with a fixed value
    good = (mean >= LEAST or data == "digit_tokens") and seconds <= SECONDS and last < first
    cells = [f"`{optim}`", f"`{data}`", f"**{mean:.4f}** ± {spread:.4f}", f"{first:.3g}", f"{last:.2g}"]
    return f"| {' | '.join(cells)} | {seconds:.0f} s{'' if good else ' (missed)'} |", good


def table(chosen: list[Row], seeds: list[int], workers: int) -> tuple[str, bool]:
    jobs = [(row, seed) for row in chosen for seed in seeds]
    with ThreadPoolExecutor(workers) as pool:
        results = dict(zip(jobs, pool.map(train, jobs), strict=True))
    made = [judged(row, [results[row, seed] for seed in seeds]) for row in chosen]
    head = ["| optimizer | data | test accuracy | first loss | last loss | time |", "|---|---|---|---|---|---|"]
    return "\n".join([*head, *(line for line, _ in made)]), all(good for _, good in made)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", help="optimizers")
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--workers", type=int, default=2, help="concurrent runs, one thread each")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    chosen = [row for row in rows() if not given.only or row[0] in given.only]
    text, good = table(chosen, given.seeds, given.workers)
    print(text)
    if given.write:
        write(text, "optimizers")
    sys.exit(0 if good else 1)
