"""Planning a sweep: its jobs get numbers and names, and a sweep that was started gets additional jobs."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from lossbook.config.arguments import belongs_to_hydra
from lossbook.errors import refuse, typed
from lossbook.losses.rules import look_up
from lossbook.records.sweep import SweepJob, SweepPlan
from lossbook.sweeps.compatible import composed_configs


def name_jobs(expanded: Sequence[Sequence[str]]) -> tuple[list[str], list[SweepJob]]:
    """Return the keys that differ between jobs, and the jobs with their numbers and names.

    Args:
        expanded: the overrides of each job, the same keys in the same order.

    Raises:
        UserError: two of them are the same.
    """
    twice, times = Counter(map(tuple, expanded)).most_common(1)[0]
    if times > 1:
        raise refuse(" ".join(twice), "Two jobs of the sweep would have these arguments.", "give each value once")
    pairs = [[override.lstrip("+~").partition("=")[::2] for override in overrides] for overrides in expanded]
    values: dict[str, set[str]] = {}
    for job in pairs:
        for key, value in job:
            values.setdefault(key, set()).add(value)
    varied = [key for key, seen in values.items() if len(seen) > 1]
    names = [",".join(f"{key}={value}" for key, value in job if key in varied) for job in pairs]
    jobs = [SweepJob(number, names[number], tuple(overrides)) for number, overrides in enumerate(expanded)]
    return varied, jobs


def extend(plan: SweepPlan, asked: SweepPlan) -> SweepPlan:
    """Return a plan with the jobs of another one that it lacks, appended to its own.

    A key that one of them leaves at its default is compared by that value.

    Args:
        plan: of a sweep that was started.
        asked: the plan that the command asks for now.

    Raises:
        UserError: some jobs of the plan are not among those that are asked for.
    """
    before: list[Any] = [frozenset(job.overrides) for job in plan.jobs]
    anew: list[Any] = [frozenset(job.overrides) for job in asked.jobs]
    composed: Sequence[Mapping[str, Any] | None] = ()
    if not set(before) <= set(anew):
        composed = composed_configs(plan)
        before = [_same(config) or key for config, key in zip(composed, before, strict=True)]
        anew = [_same(config) or key for config, key in zip(composed_configs(asked), anew, strict=True)]
    same = dict(zip(anew, asked.jobs, strict=True))
    left_out = [job.name or f"#{job.number}" for job, key in zip(plan.jobs, before, strict=True) if key not in same]
    if left_out:
        rule = "The sweep has jobs that these values leave out; jobs can be added to a sweep, not removed."
        given = f"Without {', '.join(left_out[:3])}{', ...' if left_out[3:] else ''}."
        raise refuse(given, rule, f"{_together(plan.jobs, asked.jobs, composed)}, or sweep.resume alone")
    own = [
        replace(same.pop(key), number=job.number, refused=job.refused)
        for job, key in zip(plan.jobs, before, strict=True)
    ]
    more = list(same.values())
    numbered = [replace(job, number=len(own) + place) for place, job in enumerate(more)]
    hydras = [one for one in plan.arguments if belongs_to_hydra(one)]
    arguments = (*(one for one in asked.arguments if not belongs_to_hydra(one)), *hydras)
    command = (*(one for one in plan.command if one not in plan.arguments), *arguments)
    return replace(asked, command=command, arguments=arguments, cwd=plan.cwd, jobs=(*own, *numbered))


def _same(config: Mapping[str, Any] | None) -> str | None:
    """Return a key that is equal for two jobs that train the same thing, however it was typed."""
    if config is None:
        return None
    return json.dumps({key: config[key] for key in config if key != "overrides"}, sort_keys=True)


def _together(
    before: Sequence[SweepJob], asked: Sequence[SweepJob], configs: Sequence[Mapping[str, Any] | None]
) -> str:
    """Return arguments that cover the jobs of before as well: all values, those of their configs included."""
    old, anew = _values(before), _values(asked)
    for key in anew.keys() - old.keys():
        values = [_found(config, key) for config in configs]
        if None in values:
            return f"a new sweep with {key}"
        old[key] = dict.fromkeys(map(str, values))
    both = {key: old.get(key, {}) | anew.get(key, {}) for key in (old | anew)}
    return " ".join(shlex.quote(f"{key}={','.join(each)}") for key, each in both.items() if len(each) > 1)


def _values(jobs: Sequence[SweepJob]) -> dict[str, dict[str, None]]:
    """Return the values of each key, in the order in which they occur."""
    found: dict[str, dict[str, None]] = {}
    for key, _, value in (override.partition("=") for job in jobs for override in job.overrides):
        found.setdefault(key, {})[value] = None
    return found


def _found(config: Mapping[str, Any] | None, key: str) -> str | None:
    """Return the value of a key in a job's config, as one types it; None if there is none."""
    config = config or {}
    if key in config.get("choices", {}):
        return str(config["choices"][key])
    _, value = look_up(config, key.lstrip("+"))
    return None if value is None else typed(value)
