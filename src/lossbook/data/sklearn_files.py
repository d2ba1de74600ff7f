"""Reading the datasets that scikit-learn ships, without importing it (which takes about a second)."""

from __future__ import annotations

import csv
import gzip
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from lossbook.errors import refuse


def _path(name: str) -> Path:
    spec = find_spec("sklearn")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    path = Path(folders[0] if folders else "sklearn", "datasets", "data", name)
    if not path.is_file():
        raise refuse(
            f"{name} is missing",
            "This data comes with the package scikit-learn.",
            "pip install --force-reinstall scikit-learn",
        )
    return path


def read_digits() -> tuple[np.ndarray, np.ndarray]:
    """Read 1,797 handwritten digits: images (N, 8, 8) uint8 in 0..16, labels (N,) int64; as ``load_digits``."""
    with gzip.open(_path("digits.csv.gz"), "rt") as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.float64).astype(np.int64)
    return table[:, :-1].reshape(-1, 8, 8).astype(np.uint8), table[:, -1]


def read_breast_cancer() -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Read 569 tumours: features (N, 30), labels (N,) int64, class names; as ``load_breast_cancer``."""
    with _path("breast_cancer.csv").open() as file:
        rows = csv.reader(file)
        names = tuple(next(rows)[2:])  # after the numbers of samples and features
        table = np.array([list(map(float, row)) for row in rows])
    return table[:, :-1], table[:, -1].astype(np.int64), names


def read_diabetes() -> tuple[np.ndarray, np.ndarray]:
    """Read 442 patients: raw features (N, 10), progression after a year (N,); as ``load_diabetes(scaled=False)``."""
    columns = []
    for name in ("diabetes_data_raw.csv.gz", "diabetes_target.csv.gz"):
        with gzip.open(_path(name), "rt") as file:
            columns.append(np.loadtxt(file))
    return columns[0], columns[1]
