"""Keys of a single script's own (``find.steps=100``, ``out=PATH``), which are no part of a run's config."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossbook.config.arguments import parse
from lossbook.config.command import command
from lossbook.config.types import fits, unknown, wrong_type
from lossbook.errors import UserError, refuse

if TYPE_CHECKING:
    from omegaconf import DictConfig

Job = Callable[["DictConfig", "Path | None", dict[str, Any]], Any]


def command_with(name: str, own: Mapping[str, Any], job: Job) -> int:
    """``command`` for a script with keys of its own, which ``job`` is given as its third argument.

    Args:
        name: of the help text in ``conf/hydra/help``.
        own: key -> default; None takes a text as it stands.
        job: takes the config, the folder that the user gave or None, and the values of the own keys.
    """
    try:
        values, sys.argv[1:] = taken(sys.argv[1:], own)
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    return command(name, lambda config, folder: job(config, folder, values), own=own)


def taken(arguments: Sequence[str], own: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The values of the own keys, and the other arguments.

    Raises:
        UserError: a key beside the own ones that does not exist, a value of another type, or several values.
    """
    values, others = dict(own), []
    nodes = {key.partition(".")[0] for key in own if "." in key}
    for argument in arguments:
        key, _, text = argument.partition("=")
        if key not in own and key.partition(".")[0] not in nodes:
            others.append(argument)
            continue
        if key not in own:
            problem = unknown(key, text, list(own))
            raise refuse(problem.given, problem.rule, problem.fix)
        values[key] = text if own[key] is None else _value(key, argument, own[key])
        if values[key] == "":
            raise refuse(argument, "A value must follow.", f"{key}=VALUE")
    return values, others


def _value(key: str, argument: str, default: Any) -> Any:
    (override,) = parse([argument])
    if override.is_sweep_override():
        raise refuse(argument, f"{key} takes one value.", f"{key}={default}")
    value = override.value()
    if not fits(key, value, default):
        problem = wrong_type(key, value, default)
        raise refuse(problem.given, problem.rule, problem.fix)
    return value
