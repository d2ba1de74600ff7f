"""The plan of a search: written to ``search.json`` before the first trial, so that all its processes agree."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lossbook.errors import Problem, UserError, refuse
from lossbook.records.plan_file import SEARCH
from lossbook.search.space import Parameter


@dataclass(frozen=True)
class SearchPlan:
    """A search, apart from how many trials it has and where they run.

    Args:
        command: the script and its arguments, as typed.
        folders: of options beside ``conf``, absolute.
        fixed: arguments of every trial.
        parameters: that are searched, choices of options first.
        primary: tag of the metric to optimize, and its direction.
        epochs: of a trial, if its config says; the pruner depends on it.
        sampler, pruner, seed: how values are sampled and trials pruned.
        refused: choices that fit no combination, as arguments with the reason; not in ``parameters``.
        cwd: the working folder, where relative paths and the user's own code are found; None: written by a version
            that did not record it.
        in_batch: whether the loss compares the samples of a batch: ``val/loss`` depends on ``data.batch_size``.
    """

    command: tuple[str, ...]
    folders: tuple[str, ...]
    fixed: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    primary: tuple[str, str]
    epochs: int | None
    sampler: str
    pruner: str
    seed: int
    refused: tuple[tuple[str, str], ...] = ()
    cwd: str | None = None
    in_batch: bool = False

    def criterion(self, values: Mapping[str, Any]) -> str:
        """Return a key of what ``val/loss`` measures in a trial; values compare only among equal keys."""
        own = [one.name for one in self.parameters if one.name.partition(".")[0] in ("loss", "experiment")]
        own += ["data.batch_size"] if self.in_batch else []
        return self.named({name: values[name] for name in own if name in values})

    def overrides(self, values: Mapping[str, Any]) -> list[str]:
        """Return the arguments of a trial with these values (by the parameters' names)."""
        drawn = [one.override(values[one.name]) for one in self.parameters if one.name in values]
        return [*self.fixed, *drawn]

    def named(self, values: Mapping[str, Any]) -> str:
        """Return a trial's name: the arguments that distinguish it."""
        return ",".join(one.override(values[one.name]) for one in self.parameters if one.name in values)

    def write(self, folder: Path) -> None:
        """Write ``search.json`` into the search's folder, atomically."""
        SEARCH.write(folder, asdict(self))

    @classmethod
    def read(cls, folder: Path) -> SearchPlan:
        """Return the plan in a search's folder.

        Raises:
            UserError: it is missing, unreadable or from another version.
        """
        return SEARCH.read(folder, cls._of)

    @classmethod
    def _of(cls, values: dict[str, Any]) -> SearchPlan:
        lists = {key: tuple(values[key]) for key in ("command", "folders", "fixed", "primary")}
        parameters = tuple(Parameter.of_json(one) for one in values["parameters"])
        refused = tuple((given, reason) for given, reason in values["refused"])
        return cls(**{**values, **lists, "parameters": parameters, "refused": refused})


def refuse_other(kept: SearchPlan, given: SearchPlan, folder: Path) -> None:
    """Refuse to resume a search with a plan that differs from its own.

    Raises:
        UserError: with all differences.
    """
    before = {one.name: one for one in kept.parameters}
    alone = f"{shlex.quote(f'search.resume={folder}')} alone"
    found = []
    for one in given.parameters:
        if one.name not in before:
            found.append(Problem(one.key, "The search does not vary it.", "remove it, or start another search"))
        elif one != before[one.name]:
            rule = f"The trials of the search were sampled from {before[one.name]}."
            found.append(Problem(f"{one.name}: {one}", rule, "remove it, or start another search"))
    missing = [one.key for one in kept.parameters if one.name not in {other.name for other in given.parameters}]
    if missing:
        rule = f"The search also varies {', '.join(missing)}."
        found.append(Problem("Fewer keys than before.", rule, f"{alone} resumes it as it was"))
    if sorted(given.fixed) != sorted(kept.fixed):
        rule = f"Every trial so far has {' '.join(kept.fixed) or 'the defaults'}."
        found.append(Problem(f"{' '.join(given.fixed) or 'the defaults'}", rule, alone))
    if found:
        raise UserError(*found)
    if given.folders != kept.folders:
        rule = f"The search was started with {', '.join(kept.folders) or 'none'}."
        raise refuse("Another --config-dir.", rule, f"{alone} resumes it as it was")


def refuse_changed(kept: SearchPlan, options: Mapping[str, Any], given: Collection[str]) -> None:
    """Refuse values of keys that a search cannot change when it is resumed.

    Args:
        kept: plan in its folder.
        options: the search's own keys.
        given: those of them that were typed.

    Raises:
        UserError: the sampler, pruner or seed differs.
    """
    found = []
    for key in ("sampler", "pruner", "seed"):
        name, value = f"search.{key}", getattr(kept, key)
        if name in given and options[name] != value:
            rule = f"The search was started with {name}={value} and keeps it."
            found.append(Problem(f"{name}={options[name]}", rule, "remove it"))
    if found:
        raise UserError(*found)
