"""Keys that a single script has (``find.steps=100``, ``out=PATH``), which are not part of a run's config."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lossbook.config.arguments import parse
from lossbook.config.types import fits, unknown, wrong_type
from lossbook.errors import refuse


def taken(arguments: Sequence[str], keys: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Separate the script's own keys from the other arguments.

    Args:
        arguments: of the command line.
        keys: key -> default; a key whose default is None takes any text as it stands.

    Returns:
        The value of each of the keys, and the other arguments.

    Raises:
        UserError: a key next to the own ones that does not exist, a value of the wrong type, or several values.
    """
    values, others = dict(keys), []
    nodes = {key.partition(".")[0] for key in keys if "." in key}
    for argument in arguments:
        key, _, text = argument.partition("=")
        if key not in keys and key.partition(".")[0] not in nodes:
            others.append(argument)
            continue
        if key not in keys:
            problem = unknown(key, text, list(keys))
            raise refuse(problem.given, problem.rule, problem.fix)
        values[key] = text if keys[key] is None else _value(key, argument, keys[key])
        if values[key] == "":
            raise refuse(argument, f"{key} needs a value.", f"{key}=VALUE")
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
