"""What a sweep tells while it runs: a row for each job that has ended, read from the jobs' folders."""

from __future__ import annotations

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

from lossbook.shown import duration, figure
from lossbook.sweeping.ledger import METRICS, figures
from lossbook.sweeping.plan import Job

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
        self._width = max((len(job.name) for job in jobs), default=0)
        self._before = {job.number: self._written(job) for job in jobs}  # figures of an earlier attempt
        self._ended: list[int] = []
        self._began = time.monotonic()
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
                self._rows()
                if last:
                    return
                if live is not None:
                    live.update(Text(self._line()), refresh=True)

    def _rows(self) -> None:
        for job in self.jobs:
            if job.number in self._ended or self._written(job) in (None, self._before[job.number]):
                continue
            values = figures(self.sweep / str(job.number))
            if values is not None:
                self._ended.append(job.number)
                self._row(job, values)

    def _row(self, job: Job, values: dict[str, Any]) -> None:
        count = f"{len(self._ended):>{len(str(len(self.jobs)))}}/{len(self.jobs)}"
        seconds = duration(float(values.get("wall_time_s") or 0))
        start = f"{count}  #{job.number:<{len(str(self.jobs[-1].number))}}  {escape(job.name):<{self._width}}"
        if values["status"] == "completed":
            tag = str(values.get("primary"))
            shown = figure((values.get("metrics") or {}).get(tag))
            self.console.print(f"{start}  {tag} [bold]{shown:>8}[/bold]  {seconds:>8}", soft_wrap=True)
            return
        first = escape(str(values.get("message", "")).partition("\n")[0])
        self.console.print(f"{start}  [bold red]{values['status']}[/bold red]  {first}  {seconds}", soft_wrap=True)

    def _line(self) -> str:
        """What is under way, for a terminal's last line."""
        waiting = [job for job in self.jobs if job.number not in self._ended]
        running = [job for job in waiting if (self.sweep / str(job.number) / "output.txt").exists()]
        seconds = time.monotonic() - self._began
        done = len(self._ended)
        left = f", about {duration(seconds / done * len(waiting))} left" if done else ""
        names = ", ".join(f"#{job.number} {job.name}".strip() for job in running[:3])
        return f"{done} of {len(self.jobs)} after {duration(seconds)}{left}{': ' if names else ''}{names}"

    def _written(self, job: Job) -> int | None:
        """When the job's figures were written."""
        with suppress(OSError):
            return (self.sweep / str(job.number) / METRICS).stat().st_mtime_ns
        return None
