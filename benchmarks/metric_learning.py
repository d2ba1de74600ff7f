"""Train losses of pytorch-metric-learning on digits and print how well the nearest neighbour tells the class.

    python benchmarks/metric_learning.py                # all, about 3 minutes on one core
    python benchmarks/metric_learning.py pml_arcface pml_triplet --seed 1

Each loss is a YAML file in tests/losses/metric_learning/loss, with the library's defaults; the model, the optimizer and
the 30 epochs are the defaults of the data. Metrics are those of the weights that are best on validation.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
import time
from pathlib import Path

import lossbook

CONF = Path(__file__).resolve().parents[1] / "tests" / "losses" / "metric_learning"
QUIET = ("trainer=cpu", "logger=none", "~callbacks.progress")


def main() -> None:
    names = sorted(path.stem for path in (CONF / "loss").glob("*.yaml"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("losses", nargs="*", metavar="LOSS", help=f"of {', '.join(names)}; all by default")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if unknown := set(arguments.losses) - set(names):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; losses are {', '.join(names)}")
    print(f"{'loss':<22} {'val recall_at_1':>16} {'test recall_at_1':>17} {'seconds':>8}")
    for name in arguments.losses or names:
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            config = lossbook.compose(f"loss={name}", f"seed={arguments.seed}", *QUIET, config_dir=CONF)
            metrics = lossbook.train(config, Path(folder) / "run")
        recall = f"{metrics['val/recall_at_1']:>16.4f} {metrics['test/recall_at_1']:>17.4f}"
        print(f"{name:<22} {recall} {time.perf_counter() - start:>8.1f}", flush=True)


if __name__ == "__main__":
    main()
