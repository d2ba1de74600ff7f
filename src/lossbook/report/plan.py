"""What a sweep set out to do: ``sweep.json``, with the jobs that it refused and why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lossbook.report.settings import renamed


@dataclass(frozen=True)
class Job:
    """One of a sweep's jobs.

    Args:
        number: and the name of its folder.
        name: what varied.
        overrides: as they were typed.
        refused: the reason where it was not started.
    """

    number: int
    name: str
    overrides: tuple[str, ...] = ()
    refused: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)  # none yet; as for a run


@dataclass(frozen=True)
class Plan:
    """A sweep's jobs.

    Args:
        folder: of the sweep.
        command: that started it, word by word.
        varied: the keys that several values were given for, in the order of the command.
        jobs: all of them.
    """

    folder: Path
    command: tuple[str, ...]
    varied: tuple[str, ...]
    jobs: tuple[Job, ...]

    @staticmethod
    def read(folder: Path) -> Plan | None:
        """The plan in this folder; None where there is none, or none that can be read."""
        try:
            content = json.loads((folder / "sweep.json").read_bytes())
            jobs = tuple(map(_job, content["jobs"]))
            return Plan(folder, tuple(content.get("command") or ()), tuple(content.get("varied") or ()), jobs)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None

    def job_of(self, folder: Path) -> Job | None:
        """The job whose folder this is."""
        return next((job for job in self.jobs if str(job.number) == folder.name), None)


def _job(entry: Mapping[str, Any]) -> Job:
    overrides = tuple(map(str, entry.get("overrides", ())))
    return Job(int(entry["number"]), renamed(str(entry["name"]), overrides), overrides, entry.get("refused"))
