"""Loggers that write curves for TensorBoard, or as CSV, directly into the run's folder."""

from __future__ import annotations

import csv
import io
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.loggers.logger import Logger, rank_zero_experiment
from lightning.pytorch.utilities.rank_zero import rank_zero_only
from tensorboard.compat.proto.summary_pb2 import Summary  # type: ignore[import-untyped]
from tensorboard.plugins.hparams import (  # type: ignore[import-untyped]
    api_pb2,
    metadata,
    plugin_data_pb2,
    summary_v2,
)
from torch.utils.tensorboard.summary import scalar
from torch.utils.tensorboard.writer import FileWriter

from lossbook.files import gone, write_whole
from lossbook.training.curves import CurveState, RecentPoints
from lossbook.training.lightning_internals import open_writer

_OUTCOME = ".outcome"  # suffix of the event file with a run's row of the tab HPARAMS


class TensorBoard(TensorBoardLogger):
    """Writes event files into ``save_dir`` itself; no ``hparams.yaml`` (config.yaml has more), no curve of epochs.

    Args:
        save_dir: the run's folder.
        name: of a folder in it for the event files, which TensorBoard shows as the run's name.
        curves: of the checkpoint from which the run is resumed in place: TensorBoard drops all later points.
    """

    def __init__(self, save_dir: str | Path, name: str = "", curves: CurveState | None = None) -> None:
        purge: dict[str, Any] = {} if curves is None else {"purge_step": curves.step}
        super().__init__(str(save_dir), name=name, version="", default_hp_metric=False, **purge)
        self.latest = RecentPoints()
        self._resumed = curves
        self._started = time.time()

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The ``SummaryWriter``, opened when it is first asked for."""
        curves, self._resumed = self._resumed, None
        if curves is None:
            return super().experiment
        for old in Path(self.log_dir).glob(f"*{_OUTCOME}"):
            old.unlink()
        _await_next_second(Path(self.log_dir))
        writer = super().experiment
        for step, metrics in curves.points:
            self.log_metrics(metrics, step)
        return writer

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        if step is not None:
            self.latest.add(step, metrics)
        super().log_metrics({name: value for name, value in metrics.items() if name != "epoch"}, step)

    @rank_zero_only
    def save(self) -> None:
        self.experiment.flush()

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Flush, after training and again after the test, which logs into the same file; ``close`` closes it."""
        writer = open_writer(self)
        if writer is not None:
            writer.flush()

    @rank_zero_only
    def close(self) -> None:
        """Close the file and end the thread that writes to it; an error was already raised when a write failed."""
        writer = open_writer(self)
        if writer is not None:
            with suppress(OSError):
                writer.close()

    @rank_zero_only
    def log_outcome(self, columns: Mapping[str, float | bool | str], metrics: Mapping[str, float], status: str) -> None:
        """Write the run's row of the tab HPARAMS, in a file of its own beside that of the curves.

        TensorBoard finds the columns from all rows. With a list of columns, as torch's ``add_hparams`` writes it, the
        first run's list would hide the columns of others. The file is a separate one because TensorBoard shows the
        first of several rows of a run: a run that is resumed in place deletes the earlier file.

        Args:
            columns: the run's options.
            metrics: its final metrics, as additional points of its curves.
            status: ``completed``, ``pruned`` (both a success to TensorBoard), or anything else (a failure).
        """
        outcome = api_pb2.STATUS_SUCCESS if status in ("completed", "pruned") else api_pb2.STATUS_FAILURE
        info = plugin_data_pb2.SessionEndInfo(status=outcome, end_time_secs=time.time())
        end = plugin_data_pb2.HParamsPluginData(session_end_info=info)
        about = metadata.create_summary_metadata(end)
        try:
            writer = FileWriter(self.log_dir, filename_suffix=_OUTCOME)
            # without an id of its own a row has the run's name
            writer.add_summary(summary_v2.hparams_pb(columns, trial_id="", start_time_secs=self._started), 0)
            writer.add_summary(Summary(value=[Summary.Value(tag=metadata.SESSION_END_INFO_TAG, metadata=about)]), 0)
            for tag, value in metrics.items():
                writer.add_summary(scalar(tag, value), 0)
            writer.close()
        except OSError:
            for empty in Path(self.log_dir).glob(f"*{_OUTCOME}"):
                if empty.stat().st_size == 0:
                    empty.unlink()
            raise

    @rank_zero_only
    def add_layout(self, metrics: Iterable[str]) -> None:
        """Lay out the tab "Custom Scalars": for each metric (``loss``, ``acc``) one chart of both parts."""
        charts = {name: ["Multiline", [f"train/{name}$", f"val/{name}$"]] for name in metrics}  # regular expressions
        self.experiment.add_custom_scalars({"training and validation": charts})
        self.experiment.flush()


@contextmanager
def quiet_writers() -> Iterator[None]:
    """Keep TensorBoard's threads from printing that they cannot write: the next point raises the error again."""
    before = threading.excepthook

    def hook(args: threading.ExceptHookArgs) -> None:
        theirs = type(args.thread).__module__.startswith("tensorboard.")
        if not (theirs and isinstance(args.exc_value, OSError)):
            before(args)

    threading.excepthook = hook
    try:
        yield
    finally:
        threading.excepthook = before


class CSV(Logger):
    """Writes ``metrics.csv`` into ``save_dir``: a row a step at which something was logged, a column a metric.

    Lightning's ``CSVLogger`` is not used because it deletes the rows of a run that is resumed in place, keeps up to 100
    steps in memory, which a killed run loses, truncates the file whenever a new metric appears, gives training and
    validation at one step a row each, sorts the columns by name, and writes ``hparams.yaml``.

    Args:
        save_dir: the run's folder.
        curves: of the checkpoint from which the run is resumed in place: later rows are dropped.
    """

    def __init__(self, save_dir: str | Path, curves: CurveState | None = None) -> None:
        super().__init__()
        self.path = Path(save_dir) / "metrics.csv"
        self.latest = RecentPoints()
        self._columns = ["step", "epoch"]
        self._has_written = False
        self._row: dict[str, Any] = {}  # of the latest step: training and validation share one
        self._resumed = curves

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
        """The path of the file."""
        return self.path

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        if self._resumed is not None:
            self._restore(self._resumed)
        if step is not None:
            self.latest.add(step, metrics)
        if self._row and self._row["step"] != step:
            self._write()
        self._row.update(step=step, **metrics)

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Do nothing: they are in config.yaml."""

    @rank_zero_only
    def finalize(self, status: str) -> None:
        if self._row:
            self._write()

    def _restore(self, curves: CurveState) -> None:
        """Keep the columns and the rows before the checkpoint's last two steps, and log those again."""
        self._resumed = None
        rows = self._rows()
        if rows:
            self._columns = [name for name in rows[0] if name is not None]
            self._rewrite([row for row in rows if _whole(row) and int(row["step"]) < curves.step])
        for step, metrics in curves.points:
            self.log_metrics(metrics, step)

    def _write(self) -> None:
        if self._has_written and not self.path.parent.is_dir():
            raise gone(self.path.parent)
        self._has_written = True
        row, self._row = self._row, {}
        new = [name for name in row if name not in self._columns]
        if new or not self.path.exists():  # a new metric: earlier rows get its column
            rows = self._rows()
            self._columns += new
            self._rewrite(rows)
        with self.path.open("a", newline="") as file:
            csv.DictWriter(file, self._columns).writerow(row)

    def _rows(self) -> list[dict[Any, Any]]:
        return list(csv.DictReader(self.path.read_text().splitlines())) if self.path.exists() else []

    def _rewrite(self, rows: Iterable[Mapping[str, Any]]) -> None:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self._columns)
        writer.writeheader()
        writer.writerows(rows)
        write_whole(self.path, lambda file: file.write(text.getvalue().encode()))


def _whole(row: Mapping[Any, Any]) -> bool:
    """Return whether a row is complete: a killed process may leave half of its last one."""
    return None not in row.values() and row["step"].isdigit()


def _await_next_second(folder: Path) -> None:
    """Wait until a new event file sorts after the others: its name holds the second in which it was opened."""
    now = time.time()
    if any(folder.glob(f"*.tfevents.{int(now):010}.*")):
        time.sleep(1.01 - now % 1)
