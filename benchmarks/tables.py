"""Train on well-known tables, beside scikit-learn's gradient boosting and linear models on the same parts.

    python benchmarks/tables.py FOLDER                                  # of titanic.csv, penguins.csv, mpg.csv, ...
    python benchmarks/tables.py FOLDER --tables mpg tips --seeds 5 --overrides model.dropout=0.1

The tables are those of https://github.com/mwaskom/seaborn-data. Each command gives the kind and column of the target
alone (titanic also leaves out ``alive``, which repeats it). It prints accuracies or root mean squared errors, as means
over data.seed with standard errors. ``val`` is of the checkpoint that is tested; ``over`` is how much better it is than
another model on the same parts. Options are chosen by validation alone. The boosting reads categories as such, the
linear model the network's own inputs.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, RidgeCV

import lossbook
from lossbook.data.tables.source import TableSource


@dataclass(frozen=True)
class Job:
    """A table and its target."""

    target: str
    column: str
    columns: dict[str, str] | None = None


JOBS = {
    "titanic": Job("class", "survived", {"alive": "leave_out"}),
    "penguins": Job("class", "species"),
    "mpg": Job("value", "mpg"),
    "tips": Job("value", "tip"),
    "diamonds": Job("value", "price"),
}


def main() -> int:
    """Run the jobs and print a line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tables", nargs="+", choices=list(JOBS), default=list(JOBS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--overrides", nargs="*", default=[])
    options = parser.parse_args()
    heads = ("val", "test", "boosting", "linear", "over boosting", "over linear")
    print(f"{'':<10}{'':<6}{'':>6}" + "".join(f"{head:>18}" for head in heads))
    for name in options.tables:
        job, path = JOBS[name], options.folder / f"{name}.csv"
        metric, better = ("acc", 1) if job.target == "class" else ("rmse", -1)
        start = time.perf_counter()
        own = np.array([ours(path, job, seed, options.overrides) for seed in range(options.seeds)])
        seconds = (time.perf_counter() - start) / options.seeds
        others = np.array([theirs(path, job, seed) for seed in range(options.seeds)])
        gains = better * (own[:, 1:] - others)
        cells = [mean_and_error(column) for column in np.concatenate([own, others, gains], 1).T]
        print(f"{name:<10}{metric:<6}{seconds:>4.0f} s" + "".join(f"{cell:>18}" for cell in cells), flush=True)
    return 0


def mean_and_error(values: np.ndarray) -> str:
    """Return the mean of values (N,) and its standard error, as text."""
    error = values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else np.nan
    digits = 1 if abs(values).max() >= 100 else 3
    return f"{values.mean():.{digits}f} +- {error:.{digits}f}"


def ours(path: Path, job: Job, seed: int, overrides: Sequence[str]) -> tuple[float, float]:
    """Return the validation and test metric of a run with the defaults."""
    given = [
        f"data.root={path}",
        f"data.target_columns=[{job.column}]",
        f"data.target={job.target}",
        f"data.seed={seed}",
    ]
    if job.columns:
        given.append(f"data.columns={{{','.join(f'{name}:{kind}' for name, kind in job.columns.items())}}}")
    loss = "cross_entropy" if job.target == "class" else "mse"
    with tempfile.TemporaryDirectory() as folder:
        config = lossbook.compose(f"loss={loss}", "data=table", "trainer=cpu", *given, *overrides)
        with contextlib.redirect_stdout(io.StringIO()):
            metrics = lossbook.train(config, f"{folder}/run")
    name = "acc" if job.target == "class" else "rmse"
    return metrics[f"val/{name}"], metrics[f"test/{name}"]


def theirs(path: Path, job: Job, seed: int) -> tuple[float, float]:
    """Return the test metrics of gradient boosting and of a linear model."""
    codes, onehot = (
        TableSource(str(path), job.target, job.column, columns=job.columns, categories=categories, seed=seed).load()
        for categories in ("embedding", "onehot")
    )
    places = [place for place, _ in codes.schema.categories]
    classes = job.target == "class"
    boosting = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    linear = LogisticRegression(max_iter=2000) if classes else RidgeCV(np.logspace(-3, 3, 13))
    scores = []
    for parts, model in ((codes, boosting(categorical_features=places, random_state=0)), (onehot, linear)):
        (x, y), (test, expected) = (
            (part["input"].numpy(), part["target"].numpy().squeeze()) for part in (parts.train, parts.test)
        )
        predicted = model.fit(x, y).predict(test)
        right = (predicted == expected).mean()
        scores.append(float(right if classes else np.sqrt(((predicted - expected) ** 2).mean())))
    return scores[0], scores[1]


if __name__ == "__main__":
    sys.exit(main())
