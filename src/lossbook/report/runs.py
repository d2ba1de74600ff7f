"""The runs in a folder, however they were started: the config, metrics and status of each."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from lossbook.records.plan_file import SWEEP
from lossbook.records.run import CONFIG, METRICS, read_config, read_metrics
from lossbook.records.sweep import SweepJob, SweepPlan
from lossbook.report.settings import renamed

_SKIPPED = ("checkpoints", "report")  # folders that hold no runs


@dataclass(frozen=True)
class Run:
    """A run as its folder records it, or a job of a sweep that has no folder.

    Args:
        folder: of the run.
        name: what varied if it is a job of a sweep, else its path.
        number: within its sweep.
        status: ``completed``, ``failed``, ``interrupted``, ``pruned``, or ``unfinished`` without metrics; for a job
            without a folder ``refused`` or ``not run yet``.
        message: why it is not completed.
        config: resolved; empty if missing or unreadable.
        overrides: as typed.
        fingerprint: of its data's content; None if not recorded.
        primary, mode: the watched metric, and ``max`` or ``min``.
        metrics: tag -> final value; None if not finite.
        wall: seconds.
        memory, gpu_memory: peak, MB.
        epochs, steps: that it trained.
        ended: when it ended, in seconds since the epoch.
    """

    folder: Path
    name: str
    number: int | None = None
    status: str = "unfinished"
    message: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    overrides: tuple[str, ...] = ()
    fingerprint: str | None = None
    primary: str | None = None
    mode: str | None = None
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    wall: float | None = None
    memory: float | None = None
    gpu_memory: float | None = None
    epochs: int | None = None
    steps: int | None = None
    ended: float = 0.0

    @property
    def result(self) -> float | None:
        """The watched metric on validation, at the best epoch."""
        return self.metrics.get(self.primary or "")

    @property
    def tested(self) -> float | None:
        """The same metric on the test part."""
        return self.metrics.get(f"test/{(self.primary or '').partition('/')[2]}")

    @property
    def ending(self) -> str:
        """The status; ``no result`` for a completed run whose metric was not finite."""
        return self.status if self.counts or self.status != "completed" else "no result"

    @property
    def counts(self) -> bool:
        """Whether its result is comparable: a run that was cut short trained for less."""
        return self.status == "completed" and self.result is not None


def find_runs(folders: Sequence[Path]) -> tuple[list[Run], dict[Path, SweepPlan]]:
    """Find all runs in and below these folders, and the plans of the sweeps among them by their resolved folder.

    A run is a folder with ``metrics.json``, or with a ``config.yaml`` that states choices. A run that lies in several
    of the folders is found once; order: by folder, numbers by value.
    """
    runs: dict[Path, Run] = {}
    plans: dict[Path, SweepPlan] = {}
    for base in folders:
        for folder, files in _walk(base):
            if SWEEP.name in files and (plan := SweepPlan.find(folder)) is not None:
                plans[folder.resolve()] = plan
            if not {METRICS, CONFIG} & files or folder.resolve() in runs:
                continue
            own = plans.get(folder.resolve().parent) or SweepPlan.find(folder.parent)
            run = _read(folder, base, _job(own, folder) if own else None)
            if run is not None:
                runs[folder.resolve()] = run
    return list(runs.values()), plans


def jobs_as_runs(sweep: Path, plan: SweepPlan) -> list[Run]:
    """Return the jobs of a sweep as runs without results: ``refused`` with the reason, or ``not run yet``."""
    return [
        Run(
            folder=sweep / str(job.number),
            name=renamed(job.name, job.overrides),
            number=job.number,
            status="refused" if job.refused else "not run yet",
            message=job.refused or "",
            overrides=job.overrides,
        )
        for job in plan.jobs
    ]


def _job(plan: SweepPlan, folder: Path) -> SweepJob | None:
    return next((job for job in plan.jobs if str(job.number) == folder.name), None)


def _walk(base: Path) -> Iterator[tuple[Path, set[str]]]:
    seen = set()
    for where, inner, files in os.walk(base, followlinks=True):
        if (real := os.path.realpath(where)) in seen:  # a link that leads back
            inner.clear()
            continue
        seen.add(real)
        inner[:] = [name for name in inner if name not in _SKIPPED and not name.startswith(".")]
        inner.sort(key=lambda name: (not name.isdecimal(), int(name) if name.isdecimal() else 0, name))
        yield Path(where), set(files)


def _read(folder: Path, base: Path, job: SweepJob | None) -> Run | None:
    config, found = read_config(folder), read_metrics(folder)
    broken = found is None and (folder / METRICS).exists()
    record = found or {}
    choices = config.get("choices")
    if not record and not broken and not (isinstance(choices, Mapping) and "loss" in choices):
        return None  # another program's config
    metrics, data = record.get("metrics"), record.get("data")
    overrides = config.get("overrides") or (job.overrides if job else ())
    unnamed = str(folder.relative_to(base)) if folder != base else folder.name
    status = record.get("status")
    message = str(record.get("message") or "").encode(errors="replace").decode()
    if not record:
        message = f"{METRICS} cannot be read" if broken else "still running, or killed"
    return Run(
        folder=folder,
        name=renamed(job.name, job.overrides) if job and job.name else unnamed,
        number=job.number if job else int(folder.name) if folder.name.isdecimal() else None,
        status=status if isinstance(status, str) else "unfinished",
        message=message,
        config=config,
        overrides=tuple(map(str, overrides)) if isinstance(overrides, (list, tuple)) else (),
        fingerprint=_text(data.get("fingerprint")) if isinstance(data, Mapping) else None,
        primary=_text(record.get("primary")),
        mode=_text(record.get("mode")),
        metrics={str(tag): _number(value) for tag, value in metrics.items()} if isinstance(metrics, Mapping) else {},
        wall=_number(record.get("wall_time_s")),
        memory=_number(record.get("memory_mb")),
        gpu_memory=_number(record.get("gpu_memory_mb")),
        epochs=_whole(record.get("epochs")),
        steps=_whole(record.get("steps")),
        ended=_ended(folder, record),
    )


def _ended(folder: Path, record: Mapping[str, Any]) -> float:
    """Return when it ended: as recorded, else when its files were last written, which a copy may change."""
    with suppress(TypeError, ValueError):
        return datetime.fromisoformat(record.get("ended", "")).timestamp()
    written = [folder / name for name in (METRICS, CONFIG)]
    return max((path.stat().st_mtime for path in written if path.exists()), default=0.0)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _number(value: Any) -> float | None:
    known = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if known else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
