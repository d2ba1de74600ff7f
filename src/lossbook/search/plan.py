"""What is searched: written down once, before the first trial, so that every process of a search agrees."""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lossbook.errors import Problem, UserError, refuse
from lossbook.files import write_whole
from lossbook.search.space import Parameter
from lossbook.sweeps.plan import known

FILE = "search.json"
_VERSION = 1


@dataclass(frozen=True)
class Plan:
    """A search, but for how many trials it has and where they run.

    Args:
        command: the script and its arguments, as they were typed.
        folders: of options beside ``conf``, absolute.
        fixed: arguments that every trial has.
        parameters: what is varied, the choices among options first.
        primary: tag of the metric that is looked for, and its direction.
        epochs: of a trial, where its config says; what is given up is judged by it.
        sampler, pruner, seed: how values are drawn and trials are given up.
        refused: choices that fit nothing else, as arguments, with the reason; they are no part of ``parameters``.
        cwd: the working folder, where relative paths and the user's own code are found; None: an earlier Lossbook has
            not noted it.
        in_batch: whether the loss compares the samples of a batch, so that ``val/loss`` depends on ``data.batch_size``.
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
        """What ``val/loss`` of a trial with these values is a figure of; trials that differ in it differ in kind."""
        own = [one.name for one in self.parameters if one.name.partition(".")[0] in ("loss", "experiment")]
        own += ["data.batch_size"] if self.in_batch else []
        return self.named({name: values[name] for name in own if name in values})

    def overrides(self, values: Mapping[str, Any]) -> list[str]:
        """The arguments of a trial with these values, by the parameters' names."""
        drawn = [one.override(values[one.name]) for one in self.parameters if one.name in values]
        return [*self.fixed, *drawn]

    def named(self, values: Mapping[str, Any]) -> str:
        """What sets a trial apart from the others."""
        return ",".join(one.override(values[one.name]) for one in self.parameters if one.name in values)

    def write(self, folder: Path) -> None:
        """Into ``search.json`` of the search's folder, in one step."""
        values = {"version": _VERSION, **asdict(self), "parameters": [one.to_json() for one in self.parameters]}
        text = json.dumps(values, indent=1)
        write_whole(folder / FILE, lambda file: file.write(text.encode()))

    @classmethod
    def read(cls, folder: Path) -> Plan:
        """The plan in a search's folder.

        Raises:
            UserError: there is none, or it is not one of ours.
        """
        try:
            values = json.loads((folder / FILE).read_text(encoding="utf-8"))
            if values.pop("version") != _VERSION:
                raise ValueError("another version of Lossbook has written it")
            lists = {key: tuple(values[key]) for key in ("command", "folders", "fixed", "primary")}
            parameters = tuple(Parameter.of_json(one) for one in values["parameters"])
            refused = tuple((given, reason) for given, reason in values["refused"])
            return cls(**{**values, **lists, "parameters": parameters, "refused": refused})
        except FileNotFoundError:
            fix = known(folder, FILE, "search.resume")
            raise refuse(f"{folder} holds no {FILE}.", "A search writes it when it starts.", fix) from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            rule = f"{type(error).__name__}: {error}."
            raise refuse(f"{folder / FILE} cannot be read.", rule, "begin a new search") from error


def refuse_other(kept: Plan, given: Plan, folder: Path) -> None:
    """Refuse to go on with a search under a plan that is not its own.

    Raises:
        UserError: what differs, all at once.
    """
    before = {one.name: one for one in kept.parameters}
    alone = f"{shlex.quote(f'search.resume={folder}')} alone"
    found = []
    for one in given.parameters:
        if one.name not in before:
            found.append(Problem(one.key, "The search does not vary it.", "leave it out, or begin another search"))
        elif one != before[one.name]:
            rule = f"The search has {before[one.name]}, and its trials were drawn from that."
            found.append(Problem(f"{one.name}: {one}", rule, "leave it out, or begin another search"))
    missing = [one.key for one in kept.parameters if one.name not in {other.name for other in given.parameters}]
    if missing:
        rule = f"The search varies {', '.join(missing)} as well."
        found.append(Problem("Fewer keys than before.", rule, f"{alone} goes on as before"))
    if sorted(given.fixed) != sorted(kept.fixed):
        rule = f"Every trial has {' '.join(kept.fixed) or 'the defaults'} so far."
        found.append(Problem(f"{' '.join(given.fixed) or 'the defaults'}", rule, alone))
    if found:
        raise UserError(*found)
    if given.folders != kept.folders:
        rule = f"The search has {', '.join(kept.folders) or 'none'}."
        raise refuse("Another --config-dir.", rule, f"{alone} goes on as before")


def refuse_changed(kept: Plan, options: Mapping[str, Any], given: Collection[str]) -> None:
    """Refuse keys of the command under which a search that goes on did not begin.

    Args:
        kept: the plan in its folder.
        options: the search's own keys.
        given: those of them that were typed.

    Raises:
        UserError: another sampler, pruner or seed.
    """
    found = []
    for key in ("sampler", "pruner", "seed"):
        name, value = f"search.{key}", getattr(kept, key)
        if name in given and options[name] != value:
            rule = f"The search began with {name}={value}, and goes on with it."
            found.append(Problem(f"{name}={options[name]}", rule, "leave it out"))
    if found:
        raise UserError(*found)
