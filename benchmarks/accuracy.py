"""Make the README's table of losses: default settings, next to scikit-learn on the same training part.

    python benchmarks/accuracy.py                      # all, about 30 minutes on two cores
    python benchmarks/accuracy.py --only ctc nll --seeds 0 1
    python benchmarks/accuracy.py --one-task           # the sixteen losses that take classes, all on the same digits
    python benchmarks/accuracy.py --write              # writes the table to README.md

Mean and standard deviation over seeds of training, on one split. Settings were chosen on validation; metrics are those
of the test part, with the weights of the best epoch on validation.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

HERE = Path(__file__).resolve().parent
Arrays = dict[str, tuple[np.ndarray, np.ndarray]]
Row = tuple[str, str, str, str, float, float]

# loss, data, metric, scikit-learn's estimator or a fixed value to compare with, and the tolerance
DEFAULT: list[Row] = [
    *((loss, "digits", "acc", "SVC", 0.0, 0.005) for loss in ("cross_entropy", "nll", "multi_margin", "kl_div")),
    ("triplet_margin", "digits", "recall_at_1", "1-NN", 0.0, 0.0),
    ("cosine_embedding", "digits", "recall_at_1", "1-NN", 0.0, 0.0),
    ("hinge_embedding", "digits", "recall_at_1", "1-NN", 0.0, 0.0),
    ("info_nce", "digit_views", "recall_at_1", "1-NN", 0.0, 0.0),
    *((loss, "breast_cancer", "acc", "LogisticRegression", 0.0, 0.01) for loss in ("bce", "soft_margin")),
    *((loss, "diabetes", "r2", "RidgeCV", 0.0, 0.02) for loss in ("mse", "smooth_l1")),
    ("l1", "diabetes", "mae", "RidgeCV", 0.0, 0.05),
    ("margin_ranking", "diabetes", "acc", "RidgeCV", 0.0, 0.02),
    *(
        (loss, "scene_labels", metric, "", least, 0.0)
        for loss in ("bce", "bce_logits", "multilabel_soft_margin")
        for metric, least in (("map", 0.97), ("acc", 0.85))
    ),
    ("multilabel_margin", "scene_labels", "lrap", "", 0.97, 0.0),
    ("poisson_nll", "scene_counts", "mae", "", 0.25, 0.0),
    ("cross_entropy", "scene_masks", "iou", "", 0.85, 0.0),
    ("ctc", "digit_lines", "acc", "", 0.96, 0.0),
    ("ctc", "digit_lines", "cer", "", 0.01, 0.0),
]  # fmt: skip
EMBEDDING = ("cosine_embedding", "hinge_embedding", "triplet_margin")
CLASSIFYING = (
    "bce", "bce_logits", "cross_entropy", "kl_div", "l1", "mse", "multi_margin", "multilabel_margin",
    "multilabel_soft_margin", "nll", "smooth_l1", "soft_margin",
)  # fmt: skip
ONE_TASK: list[Row] = [
    *((loss, "digits", "acc", "", 0.97, 0.0) for loss in CLASSIFYING),
    *((loss, "digits", "recall_at_1", "", 0.97, 0.0) for loss in EMBEDDING),
    ("info_nce", "digit_views", "recall_at_1", "", 0.97, 0.0),
]
LOWER_IS_BETTER = ("mae", "cer")


def train(loss: str, data: str, seed: int) -> dict[str, float]:
    """Return the metrics of one run."""
    metrics, _ = run(f"loss={loss}", f"data={data}", f"seed={seed}", "logger=none")
    return metrics


def run(*arguments: str) -> tuple[dict[str, float], str]:
    """Run in its own process and folder, on one thread; return the metrics, and the curves if logger=csv."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        script = [sys.executable, str(HERE.parent / "scripts" / "train.py")]
        command = [*script, *arguments, f"hydra.run.dir={folder}/run"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
        record = json.loads((Path(folder) / "run" / "metrics.json").read_text())
        curves = Path(folder) / "run" / "metrics.csv"
        text = curves.read_text() if curves.exists() else ""
    return {**record["metrics"], "seconds": record["wall_time_s"]}, text


@lru_cache
def arrays(data: str) -> Arrays:
    """Return the parts of a dataset as arrays, exactly as in training."""
    import lossbook
    from lossbook.config.resolve import plain
    from lossbook.training.assemble import build_data
    from lossbook.trust import OWN_CONFIG

    module = build_data(plain(lossbook.compose(f"data={data}"))["data"], 0, OWN_CONFIG)
    parts = {}
    for name in ("train", "test"):
        part = module.part(name)
        target = np.asarray(part["target"])
        parts[name] = (np.asarray(part["input"]).reshape(len(target), -1), target)
    return parts


def reference(rule: str, data: str, metric: str) -> float:
    """Return scikit-learn's metric on the test part, fitted on the training part only."""
    parts = arrays("digits" if data == "digit_views" else data)
    (x, y), (tx, ty) = parts["train"], parts["test"]
    if rule == "SVC":
        return float(SVC(gamma=0.001).fit(x * 16, y).score(tx * 16, ty))  # the usual gamma is for pixels from 0 to 16
    if rule == "1-NN":
        return float(KNeighborsClassifier(1).fit(x, y).score(tx, ty))
    if rule == "LogisticRegression":
        return float(make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(x, y).score(tx, ty))
    assert rule == "RidgeCV"
    model = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 3, 25))).fit(x, y.ravel())
    predicted, truth = model.predict(tx), ty.ravel()
    if metric == "r2":
        return float(model.score(tx, truth))
    if metric == "mae":
        return float(np.abs(predicted - truth).mean())
    order = np.sign(truth[:, None] - truth)
    return float((np.sign(predicted[:, None] - predicted) == order)[order != 0].mean())


def judged(row: Row, runs: list[dict[str, float]]) -> tuple[str, bool]:
    """Return a row of the table, and whether the mean is as good as expected."""
    loss, data, metric, rule, fixed, slack = row
    values = [run[f"test/{metric}"] for run in runs]
    mean = statistics.mean(values)
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    against = reference(rule, data, metric) if rule else fixed
    lower = metric in LOWER_IS_BETTER
    bound = against * (1 + slack) if lower else against - slack
    good = mean <= bound if lower else mean >= bound
    sign = "at most" if lower else "at least"
    beside = f"{rule} {against:.4g}" if rule else ""
    seconds = statistics.median(run["seconds"] for run in runs)
    return (
        f"| `{loss}` | `{data}` | {metric} | **{mean:.4f}** ± {spread:.4f} | {beside} | {sign} {bound:.4g}"
        f"{'' if good else ' (missed)'} | {seconds:.0f} s |"
    ), good  # fmt: skip


def table(rows: list[Row], seeds: list[int], workers: int) -> tuple[str, bool]:
    pairs = list(dict.fromkeys((row[0], row[1]) for row in rows))
    jobs = [(*pair, seed) for pair in pairs for seed in seeds]

    def told(job: tuple[str, str, int]) -> dict[str, float]:
        metrics = train(*job)
        print(*job, f"{metrics['seconds']:.1f} s", file=sys.stderr, flush=True)
        return metrics

    with ThreadPoolExecutor(workers) as pool:
        results = dict(zip(jobs, pool.map(told, jobs), strict=True))
    lines = [
        "| loss | data | metric | test, mean ± standard deviation | scikit-learn | expected | time |",
        "|---|---|---|---|---|---|---|",
    ]
    good = True
    for row in rows:
        line, fine = judged(row, [results[row[0], row[1], seed] for seed in seeds])
        lines.append(line)
        good &= fine
    return "\n".join(lines), good


def write(text: str, mark: str = "accuracy") -> None:
    """Write a table to README.md, between its two marks."""
    path = HERE.parent / "README.md"
    between = rf"(<!-- {mark}:begin -->\n).*?(<!-- {mark}:end -->)"
    written, found = re.subn(between, lambda m: f"{m[1]}{text}\n{m[2]}", path.read_text(), flags=re.DOTALL)
    if not found:
        raise SystemExit(f"README.md has no <!-- {mark}:begin --> and <!-- {mark}:end -->.")
    path.write_text(written)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="LOSS", help="only these losses")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--workers", type=int, default=2, help="concurrent runs, one thread each")
    parser.add_argument("--one-task", action="store_true")
    parser.add_argument("--write", action="store_true", help="write the whole table to README.md")
    given = parser.parse_args()
    rows = ONE_TASK if given.one_task else DEFAULT
    if given.write and (given.only or given.one_task):
        parser.error("README.md has the whole table on default data: --write excludes --only and --one-task")
    if unknown := set(given.only or ()) - {row[0] for row in rows}:
        losses = ", ".join(dict.fromkeys(row[0] for row in rows))
        parser.error(f"--only {' '.join(sorted(unknown))}: the losses of this table are {losses}")
    chosen = [row for row in rows if not given.only or row[0] in given.only]
    text, good = table(chosen, given.seeds, given.workers)
    print(text)
    if given.write:
        write(text)
    sys.exit(0 if good else 1)
