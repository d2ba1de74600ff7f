"""The runs in a folder, whatever made them, and what each left: its config, its figures, how it ended."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from lossbook.report.plan import Job, Plan

_PASSED_BY = ("checkpoints", "report")  # folders that hold no runs


@dataclass(frozen=True)
class Run:
    """What one run's folder says.

    Args:
        folder: of the run.
        name: what varied where a sweep made it, else where it lies.
        number: within its sweep.
        status: ``completed``, ``failed``, ``interrupted``, ``pruned``, or ``unfinished`` where no figures were written.
        message: why it is not completed.
        config: resolved; empty where it was never written or cannot be read.
        overrides: as they were typed.
        fingerprint: of its data's content; None where it does not say.
        primary, mode: the metric that it watched, and ``max`` or ``min``.
        metrics: tag -> final value; None where it was not finite.
        wall: seconds.
        memory, gpu_memory: peak, MB.
        epochs, steps: that it trained.
        ended: the time of its last word, in seconds.
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
    def figure(self) -> float | None:
        """Of the metric that it watched, on validation at its best epoch."""
        return self.metrics.get(self.primary or "")

    @property
    def tested(self) -> float | None:
        """The same metric on the test part."""
        return self.metrics.get(f"test/{(self.primary or '').partition('/')[2]}")

    @property
    def ending(self) -> str:
        """The status; of a completed run whose metric was not finite, that."""
        return self.status if self.counts or self.status != "completed" else "no figure"

    @property
    def counts(self) -> bool:
        """Whether its figure may stand beside others: a run that was broken off trained for less."""
        return self.status == "completed" and self.figure is not None


def find(folders: Sequence[Path]) -> tuple[list[Run], list[Plan]]:
    """All runs in and below these folders, and the plans of the sweeps among them.

    A run is a folder with ``metrics.json``, or with a ``config.yaml`` that states choices. Those that lie within
    several of the folders are found once; order: by folder, numbers by their value.
    """
    runs: dict[Path, Run] = {}
    plans: dict[Path, Plan] = {}
    for base in folders:
        for folder, files in _walk(base):
            if "sweep.json" in files and (plan := Plan.read(folder)) is not None:
                plans[folder.resolve()] = plan
            if not {"metrics.json", "config.yaml"} & files or folder.resolve() in runs:
                continue
            own = plans.get(folder.resolve().parent) or Plan.read(folder.parent)
            run = _read(folder, base, own.job_of(folder) if own else None)
            if run is not None:
                runs[folder.resolve()] = run
    return list(runs.values()), list(plans.values())


def _walk(base: Path) -> Iterator[tuple[Path, set[str]]]:
    seen = set()
    for where, inner, files in os.walk(base, followlinks=True):
        if (real := os.path.realpath(where)) in seen:  # links that lead back
            inner.clear()
            continue
        seen.add(real)
        inner[:] = [name for name in inner if name not in _PASSED_BY and not name.startswith(".")]
        inner.sort(key=lambda name: (not name.isdecimal(), int(name) if name.isdecimal() else 0, name))
        yield Path(where), set(files)


def _read(folder: Path, base: Path, job: Job | None) -> Run | None:
    config = _config(folder / "config.yaml")
    record, broken = _record(folder / "metrics.json")
    choices = config.get("choices")
    if not record and not broken and not (isinstance(choices, Mapping) and "loss" in choices):
        return None  # another program's config
    metrics, data = record.get("metrics"), record.get("data")
    overrides = config.get("overrides") or (job.overrides if job else ())
    unnamed = str(folder.relative_to(base)) if folder != base else folder.name
    status = record.get("status")
    message = str(record.get("message") or "").encode(errors="replace").decode()
    if not record:
        message = "metrics.json cannot be read" if broken else "it still runs, or was killed"
    return Run(
        folder=folder,
        name=job.name if job and job.name else unnamed,
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
    """As its figures say; what says nothing, by when its files were written, which a copy may not keep."""
    with suppress(TypeError, ValueError):
        return datetime.fromisoformat(record.get("ended", "")).timestamp()
    written = [folder / name for name in ("metrics.json", "config.yaml")]
    return max((path.stat().st_mtime for path in written if path.exists()), default=0.0)


def _record(path: Path) -> tuple[dict[str, Any], bool]:
    """The content of ``metrics.json``, and whether there is one that cannot be read."""
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}, False
    except (OSError, ValueError):
        return {}, True
    return (content, False) if isinstance(content, dict) else ({}, True)


def _config(path: Path) -> dict[str, Any]:
    import yaml

    try:
        content = yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return content if isinstance(content, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _number(value: Any) -> float | None:
    known = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if known else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
