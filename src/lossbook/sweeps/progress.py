"""The progress of a sweep, printed while it runs: a row for each job that ended, read from the jobs' folders."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.text import Text

from lossbook.formatting import duration, line, metric
from lossbook.records.progress import PROGRESS, read_progress
from lossbook.records.run import METRICS, modified, read_metrics
from lossbook.records.sweep import SweepJob

_PERIOD_S = 0.5


class SweepProgress:
    """Watches the folders of jobs, whichever process runs them, and prints a row when one has ended.

    Args:
        sweep: its folder.
        jobs: that are run now.
        console: where to print.
    """

    def __init__(self, sweep: Path, jobs: Sequence[SweepJob], console: Console) -> None:
        self.sweep = sweep
        self.jobs = list(jobs)
        self.console = console
        self._width = max((len(_label(job)) for job in jobs), default=0)
        # of earlier attempts
        self._metrics_before = {job.number: self._modified(job, METRICS) for job in jobs}
        self._progress_before = {job.number: self._modified(job, PROGRESS) for job in jobs}
        self._ended: list[int] = []
        self._first: float | None = None  # when the first job started
        self._last: float | None = None  # when a job last ended
        self._finished = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="progress")

    def __enter__(self) -> SweepProgress:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._finished.set()
        self._thread.join()

    def _watch(self) -> None:
        live = Live(console=self.console, auto_refresh=False, transient=True) if self.console.is_terminal else None
        with live or nullcontext():
            while True:
                last = self._finished.wait(_PERIOD_S)
                new = [(job, values) for job in self.jobs if (values := self._news(job))]
                before = len(self._ended)
                self._ended += [job.number for job, _ in new]
                self._last = time.monotonic() if new else self._last
                if live is not None:
                    live.update(Text(self._line(), no_wrap=True, overflow="ellipsis"))
                for count, (job, values) in enumerate(new, start=before + 1):
                    self._row(count, job, values)
                if last:
                    return
                if live is not None:
                    live.refresh()

    def _news(self, job: SweepJob) -> dict[str, Any] | None:
        """Return the metrics of a job that ended since the last call; None for any other."""
        if job.number in self._ended or self._modified(job, METRICS) in (None, self._metrics_before[job.number]):
            return None
        record = read_metrics(self.sweep / str(job.number))
        return record if record and "status" in record else None

    def _row(self, number: int, job: SweepJob, values: dict[str, Any]) -> None:
        count = f"{number:>{len(str(len(self.jobs)))}}/{len(self.jobs)}"
        taken = values.get("wall_time_s")
        seconds = duration(taken) if isinstance(taken, (int, float)) else ""
        name = f"{_label(job):<{self._width}}"
        start = f"{count}  #{job.number:<{len(str(self.jobs[-1].number))}}  {escape(name)}"
        if values["status"] == "completed":
            tag = str(values.get("primary"))
            shown = metric((values.get("metrics") or {}).get(tag))
            self.console.print(f"{start}  {tag:<15} [bold]{shown:>8}[/bold]  {seconds:>8}", soft_wrap=True)
            return
        why = line(str(values.get("message", "")))
        self.console.print(f"{start}  [bold red]{values['status']}[/bold red]  {escape(why)}", soft_wrap=True)

    def _line(self) -> str:
        """Return which jobs are running, for the last line of a terminal."""
        waiting = [job for job in self.jobs if job.number not in self._ended]
        now = [job for job in waiting if self._is_running(job)]
        done = len(self._ended)
        if not (done or now):
            return "starting: importing torch"
        self._first = self._first or time.monotonic()
        seconds = time.monotonic() - self._first
        left = self._left(len(waiting))
        names = ", ".join(f"#{job.number} {_label(job)}{_epoch(self.sweep / str(job.number))}" for job in now[:3])
        return f"{done} of {len(self.jobs)} in {duration(seconds)}{left}{': ' if names else ''}{names}"

    def _left(self, waiting: int) -> str:
        """Return the time left, from the pace up to the last end, so that it counts down while the next job trains."""
        if self._first is None or self._last is None:
            return ""
        pace = (self._last - self._first) / len(self._ended)
        seconds = pace * waiting - (time.monotonic() - self._last)
        return f", about {duration(seconds)} left" if seconds > 0 else ""

    def _is_running(self, job: SweepJob) -> bool:
        return self._modified(job, PROGRESS) not in (None, self._progress_before[job.number])

    def _modified(self, job: SweepJob, name: str) -> int | None:
        return modified(self.sweep / str(job.number) / name)


def _label(job: SweepJob) -> str:
    """Return what distinguishes a job; for a single one, all its arguments."""
    return job.name or " ".join(job.overrides)


def _epoch(folder: Path) -> str:
    """Return ``, epoch 3/20`` after the first epoch of a job."""
    epoch, epochs = read_progress(folder)
    return f", epoch {epoch}{f'/{epochs}' if epochs else ''}" if epoch else ""
