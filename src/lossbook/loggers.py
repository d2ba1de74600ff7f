"""Curves for TensorBoard and as CSV, written straight into the run's folder, and nothing beside them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.loggers.logger import Logger, rank_zero_experiment
from lightning.pytorch.utilities.rank_zero import rank_zero_only


class TensorBoard(TensorBoardLogger):
    """Event files in ``save_dir`` itself; no ``hparams.yaml``, since config.yaml says more, and no curve of epochs.

    Args:
        save_dir: the run's folder.
    """

    def __init__(self, save_dir: str | Path) -> None:
        super().__init__(str(save_dir), name="", version="", default_hp_metric=False)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        super().log_metrics({name: value for name, value in metrics.items() if name != "epoch"}, step)

    @rank_zero_only
    def save(self) -> None:
        self.experiment.flush()

    @rank_zero_only
    def add_layout(self, metrics: Iterable[str]) -> None:
        """Lays out the tab "Custom Scalars": for each metric (``loss``, ``acc``) one chart of both parts."""
        charts = {name: ["Multiline", [f"train/{name}$", f"val/{name}$"]] for name in metrics}  # regular expressions
        self.experiment.add_custom_scalars({"training and validation": charts})
        self.experiment.flush()


class CSV(Logger):
    """``metrics.csv`` in ``save_dir``: one row a step at which something was logged, one column a metric.

    Args:
        save_dir: the run's folder.
    """

    def __init__(self, save_dir: str | Path) -> None:
        super().__init__()
        self.path = Path(save_dir) / "metrics.csv"
        self._columns = ["step", "epoch"]
        self._row: dict[str, Any] = {}  # of the latest step: training and validation share one

    @property
    def name(self) -> str:
        return ""

    @property
    def version(self) -> str:
        return ""

    @property
    def save_dir(self) -> str:
        return str(self.path.parent)

    @property
    @rank_zero_experiment
    def experiment(self) -> Path:
        """The file."""
        return self.path

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        if self._row and self._row["step"] != step:
            self._write()
        self._row.update(step=step, **metrics)

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """They are in config.yaml."""

    @rank_zero_only
    def finalize(self, status: str) -> None:
        if self._row:
            self._write()

    def _write(self) -> None:
        row, self._row = self._row, {}
        new = [name for name in row if name not in self._columns]
        if new or not self.path.exists():  # a metric appears for the first time: the rows before get its column
            rows = list(csv.DictReader(self.path.read_text().splitlines())) if self.path.exists() else []
            self._columns += new
            with self.path.open("w", newline="") as file:
                writer = csv.DictWriter(file, self._columns)
                writer.writeheader()
                writer.writerows(rows)
        with self.path.open("a", newline="") as file:
            csv.DictWriter(file, self._columns).writerow(row)
