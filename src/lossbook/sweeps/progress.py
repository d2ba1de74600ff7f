"""What a sweep tells while it runs: a row for each job that has ended, read from the jobs' folders."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.text import Text

from lossbook.formatting import duration, figure, line
from lossbook.sweeps.ledger import METRICS, OUTPUT, figures, written
from lossbook.sweeps.plan import Job

_PERIOD_S = 0.5


class Progress:
    """Watches the folders of jobs, whoever runs them, and prints a row when one has ended.

    Args:
        sweep: its folder.
        jobs: those that are to be run now.
        console: where to print.
    """

    def __init__(self, sweep: Path, jobs: Sequence[Job], console: Console) -> None:
        self.sweep = sweep
        self.jobs = list(jobs)
        self.console = console
        self._width = max((len(_called(job)) for job in jobs), default=0)
        self._before = {job.number: self._written(job) for job in jobs}  # figures of an earlier attempt
        self._printed_before = {job.number: self._printed(job) for job in jobs}
        self._ended: list[int] = []
        self._first: float | None = None  # when the first job had begun
        self._last: float | None = None  # when a job has ended
        self._finished = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="progress")

    def __enter__(self) -> Progress:
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

    def _news(self, job: Job) -> dict[str, Any] | None:
        """The figures of a job that has ended since this was last asked."""
        if job.number in self._ended or self._written(job) in (None, self._before[job.number]):
            return None
        return figures(self.sweep / str(job.number))

    def _row(self, number: int, job: Job, values: dict[str, Any]) -> None:
        count = f"{number:>{len(str(len(self.jobs)))}}/{len(self.jobs)}"
        taken = values.get("wall_time_s")
        seconds = duration(taken) if isinstance(taken, (int, float)) else ""
        name = f"{_called(job):<{self._width}}"
        start = f"{count}  #{job.number:<{len(str(self.jobs[-1].number))}}  {escape(name)}"
        if values["status"] == "completed":
            tag = str(values.get("primary"))
            shown = figure((values.get("metrics") or {}).get(tag))
            self.console.print(f"{start}  {tag:<15} [bold]{shown:>8}[/bold]  {seconds:>8}", soft_wrap=True)
            return
        why = line(str(values.get("message", "")))
        self.console.print(f"{start}  [bold red]{values['status']}[/bold red]  {escape(why)}", soft_wrap=True)

    def _line(self) -> str:
        """What is under way, for a terminal's last line."""
        waiting = [job for job in self.jobs if job.number not in self._ended]
        now = [job for job in waiting if self._printed(job) not in (None, self._printed_before[job.number])]
        done = len(self._ended)
        if not (done or now):
            return "starting: torch is imported"
        self._first = self._first or time.monotonic()
        seconds = time.monotonic() - self._first
        left = self._left(len(waiting))
        names = ", ".join(f"#{job.number} {_called(job)}{_epoch(self.sweep / str(job.number))}" for job in now[:3])
        return f"{done} of {len(self.jobs)} in {duration(seconds)}{left}{': ' if names else ''}{names}"

    def _left(self, waiting: int) -> str:
        """From the pace up to the last end, so that the estimate runs down while the next job trains."""
        if self._first is None or self._last is None:
            return ""
        pace = (self._last - self._first) / len(self._ended)
        seconds = pace * waiting - (time.monotonic() - self._last)
        return f", about {duration(seconds)} left" if seconds > 0 else ""

    def _written(self, job: Job) -> int | None:
        return written(self.sweep / str(job.number) / METRICS)

    def _printed(self, job: Job) -> int | None:
        return written(self.sweep / str(job.number) / OUTPUT)


def _called(job: Job) -> str:
    """What sets a job apart; of a single one, all that was asked for."""
    return job.name or " ".join(job.overrides)


def _epoch(folder: Path) -> str:
    """``, epoch 3/20``, as far as the job has printed rows of its epochs."""
    with suppress(OSError), (folder / OUTPUT).open("rb") as file:
        file.seek(max(0, file.seek(0, 2) - 500))
        found = re.findall(rb"^ *(\d+(?:/\d+)?)  +\S", file.read(), re.MULTILINE)
        return f", epoch {found[-1].decode()}" if found else ""
    return ""
