"""``sweep.json``: the jobs of a sweep, written once before the first of them starts."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lossbook.errors import UserError
from lossbook.records.plan_file import SWEEP


@dataclass(frozen=True)
class SweepJob:
    """One run of a sweep.

    Args:
        number: from 0; also the name of its folder.
        name: what distinguishes it from the others (``loss=mse,seed=1``); empty for a single job.
        overrides: its arguments, as on a command line.
        refused: why its choices do not fit together; None if they do.
        data: the data option that it trains on, typed or not; empty if unknown.
    """

    number: int
    name: str
    overrides: tuple[str, ...]
    refused: str | None = None
    data: str = ""


@dataclass(frozen=True)
class SweepPlan:
    """All jobs of a sweep, and the command that asked for them.

    Args:
        command: the script and its arguments, as typed.
        arguments: those that make the jobs, and Hydra's own (``hydra/launcher=joblib``).
        folders: of options beside ``conf``, absolute.
        cwd: the working folder, where relative paths and the user's own code are found.
        varied: keys that differ between jobs, in the order of the command.
        jobs: in the order of their numbers.
    """

    command: tuple[str, ...]
    arguments: tuple[str, ...]
    folders: tuple[str, ...]
    cwd: str
    varied: tuple[str, ...]
    jobs: tuple[SweepJob, ...]

    @property
    def allowed(self) -> list[SweepJob]:
        """The jobs that are run."""
        return [job for job in self.jobs if job.refused is None]

    def write(self, folder: Path) -> None:
        """Write ``sweep.json`` into the sweep's folder, atomically."""
        SWEEP.write(folder, asdict(self))

    @classmethod
    def read(cls, folder: Path) -> SweepPlan:
        """Return the plan in a sweep's folder.

        Raises:
            UserError: it is missing, unreadable or from another version.
        """
        return SWEEP.read(folder, _complete)

    @classmethod
    def find(cls, folder: Path) -> SweepPlan | None:
        """Return the plan in a folder as far as a report needs it; None if there is none that can be read."""
        with suppress(UserError):
            return SWEEP.read(folder, _plan)
        return None


def _complete(values: Mapping[str, Any]) -> SweepPlan:
    """Return the plan of values that hold all that resuming needs."""
    return _plan({key: values[key] for key in ("command", "arguments", "folders", "cwd", "varied", "jobs")})


def _plan(values: Mapping[str, Any]) -> SweepPlan:
    lists = {key: tuple(values.get(key) or ()) for key in ("command", "arguments", "folders", "varied")}
    jobs = [
        SweepJob(**{**job, "number": int(job["number"]), "overrides": tuple(job["overrides"])})
        for job in values["jobs"]
    ]
    return SweepPlan(**lists, cwd=str(values.get("cwd", "")), jobs=tuple(jobs))
