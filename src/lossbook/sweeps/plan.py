"""What a sweep is going to run: its jobs, written down once, before the first of them starts."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from lossbook.config.arguments import belongs_to_hydra
from lossbook.errors import refuse, typed
from lossbook.files import write_whole

FILE = "sweep.json"
_VERSION = 1


@dataclass(frozen=True)
class Job:
    """One run of a sweep.

    Args:
        number: from 0, also the name of its folder.
        name: what sets it apart from the others (``loss=mse,seed=1``); empty where nothing does.
        overrides: its arguments, as on a command line.
        refused: why its choices do not fit together; None where they do.
        data: the option that it trains on, typed or not; empty where that is not known.
    """

    number: int
    name: str
    overrides: tuple[str, ...]
    refused: str | None = None
    data: str = ""


@dataclass(frozen=True)
class Plan:
    """All jobs of a sweep, and the command that asked for them.

    Args:
        command: the script and its arguments, as they were typed.
        arguments: those that make the jobs, Hydra's own (``hydra/launcher=joblib``) among them.
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
    jobs: tuple[Job, ...]

    @property
    def allowed(self) -> list[Job]:
        """The jobs that are run."""
        return [job for job in self.jobs if job.refused is None]

    def grown(self, asked: Plan, configs: Callable[[Plan], Sequence[Mapping[str, Any] | None]]) -> Plan:
        """This plan with those jobs of another one that it does not have yet, behind its own.

        A key that this plan leaves at one value, or at the default, is as good as given that value alone.

        Args:
            asked: the other plan.
            configs: what each job of a plan composes to, None where it does not; asked for only where the jobs'
                arguments differ.

        Raises:
            UserError: the other one leaves some of its jobs out.
        """
        before: list[Any] = [frozenset(job.overrides) for job in self.jobs]
        anew: list[Any] = [frozenset(job.overrides) for job in asked.jobs]
        composed: Sequence[Mapping[str, Any] | None] = ()
        if not set(before) <= set(anew):
            composed = configs(self)
            before = [_same(config) or key for config, key in zip(composed, before, strict=True)]
            anew = [_same(config) or key for config, key in zip(configs(asked), anew, strict=True)]
        same = dict(zip(anew, asked.jobs, strict=True))
        left_out = [job.name or f"#{job.number}" for job, key in zip(self.jobs, before, strict=True) if key not in same]
        if left_out:
            rule = "It has jobs that these values leave out; jobs may be added to a sweep, and none is changed."
            given = f"Without {', '.join(left_out[:3])}{', ...' if left_out[3:] else ''}."
            raise refuse(given, rule, f"{_together(self.jobs, asked.jobs, composed)}, or sweep.resume alone")
        own = [
            replace(same.pop(key), number=job.number, refused=job.refused)
            for job, key in zip(self.jobs, before, strict=True)
        ]
        more = list(same.values())
        numbered = [replace(job, number=len(own) + place) for place, job in enumerate(more)]
        hydras = [one for one in self.arguments if belongs_to_hydra(one)]
        arguments = (*(one for one in asked.arguments if not belongs_to_hydra(one)), *hydras)
        command = (*(one for one in self.command if one not in self.arguments), *arguments)
        return replace(asked, command=command, arguments=arguments, cwd=self.cwd, jobs=(*own, *numbered))

    def write(self, folder: Path) -> None:
        """Into ``sweep.json`` of the sweep's folder, in one step."""
        text = json.dumps({"version": _VERSION, **asdict(self)}, indent=1)
        write_whole(folder / FILE, lambda file: file.write(text.encode()))

    @classmethod
    def read(cls, folder: Path) -> Plan:
        """The plan in a sweep's folder.

        Raises:
            UserError: there is none, or it is not one of ours.
        """
        try:
            values = json.loads((folder / FILE).read_text(encoding="utf-8"))
            if values["version"] != _VERSION:
                rule = "A sweep goes on with the version that it was begun with."
                raise refuse(f"{folder / FILE} is of another version of Lossbook.", rule, "begin a new sweep")
            jobs = [Job(**{**job, "overrides": tuple(job["overrides"])}) for job in values["jobs"]]
            lists = {key: tuple(values[key]) for key in ("command", "arguments", "folders", "varied")}
            cwd = str(values["cwd"])
        except FileNotFoundError:
            fix = known(folder, FILE, "sweep.resume")
            raise refuse(f"{folder} holds no {FILE}.", "A sweep writes it when it starts.", fix) from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            rule = f"{type(error).__name__}: {error}."
            raise refuse(f"{folder / FILE} cannot be read.", rule, "begin a new sweep") from error
        return cls(**lists, cwd=cwd, jobs=tuple(jobs))


def named(expanded: Sequence[Sequence[str]]) -> tuple[list[str], list[Job]]:
    """The keys that differ between jobs, and the jobs with their numbers and names.

    Args:
        expanded: the overrides of each job, the same keys in the same order.

    Raises:
        UserError: two of them are the same.
    """
    twice, times = Counter(map(tuple, expanded)).most_common(1)[0]
    if times > 1:
        raise refuse(" ".join(twice), "Two jobs of the sweep would be this one.", "give each value once")
    pairs = [[override.lstrip("+~").partition("=")[::2] for override in overrides] for overrides in expanded]
    values: dict[str, set[str]] = {}
    for job in pairs:
        for key, value in job:
            values.setdefault(key, set()).add(value)
    varied = [key for key, seen in values.items() if len(seen) > 1]
    names = [",".join(f"{key}={value}" for key, value in job if key in varied) for job in pairs]
    jobs = [Job(number, names[number], tuple(overrides)) for number, overrides in enumerate(expanded)]
    return varied, jobs


def _same(config: Mapping[str, Any] | None) -> str | None:
    """What two jobs have in common that train the same, however that was typed."""
    if config is None:
        return None
    return json.dumps({key: config[key] for key in config if key != "overrides"}, sort_keys=True)


def _together(before: Sequence[Job], asked: Sequence[Job], configs: Sequence[Mapping[str, Any] | None]) -> str:
    """What to ask for so that the jobs of before are among it: all values, those of their configs included."""
    old, anew = _values(before), _values(asked)
    for key in anew.keys() - old.keys():
        values = [_found(config, key) for config in configs]
        if None in values:
            return f"a new sweep with {key}"
        old[key] = dict.fromkeys(map(str, values))
    both = {key: old.get(key, {}) | anew.get(key, {}) for key in (old | anew)}
    return " ".join(shlex.quote(f"{key}={','.join(each)}") for key, each in both.items() if len(each) > 1)


def _values(jobs: Sequence[Job]) -> dict[str, dict[str, None]]:
    """Key -> its values, in the order in which they come."""
    found: dict[str, dict[str, None]] = {}
    for key, _, value in (override.partition("=") for job in jobs for override in job.overrides):
        found.setdefault(key, {})[value] = None
    return found


def _found(config: Mapping[str, Any] | None, key: str) -> str | None:
    """The value of a key in a job's config, as it is typed; None where there is no such value."""
    where: Any = config or {}
    if key in where.get("choices", {}):
        return str(where["choices"][key])
    for name in key.lstrip("+").split("."):
        where = where.get(name) if isinstance(where, Mapping) else None
    return None if where is None else typed(where)


def refused(job: Job, reason: str) -> Job:
    """The job, marked as one that is not run."""
    return replace(job, refused=reason)


def known(folder: Path, file: str, key: str) -> str:
    """How to go on with what lies near the folder; where nothing does, what to give.

    Args:
        folder: that holds none.
        file: a plan's, ``sweep.json`` or ``search.json``.
        key: that takes the folder, ``sweep.resume`` or ``search.resume``.
    """
    kind, usual = ("sweep", "outputs/sweeps") if file == FILE else ("search", "outputs/searches")
    near = next((base for base in (folder, folder.parent, Path(usual)) if base.is_dir()), None)
    found = sorted(path.parent.as_posix() for path in near.glob(f"*/{file}")) if near else []
    return shlex.quote(f"{key}={found[-1]}") if found else f"give the folder of a {kind} ({usual}/<date>_<time>)"


def refuse_elsewhere(folder: Path, cwd: str, key: str) -> None:
    """Refuse to go on in another working folder, where paths and code of one's own would not be found.

    Args:
        folder: of the sweep or the search.
        cwd: where it was begun; a folder that is gone is no hindrance.
        key: that takes the folder, ``sweep.resume`` or ``search.resume``.

    Raises:
        UserError: it was begun in another one.
    """
    if Path.cwd() != Path(cwd) and Path(cwd).is_dir():
        rule = f"It was begun in {cwd}, where its paths and code of one's own are found."
        fix = f"cd {shlex.quote(cwd)}, and {shlex.quote(f'{key}={folder.absolute()}')}"
        raise refuse(f"{key}={folder} in {Path.cwd()}.", rule, fix)
