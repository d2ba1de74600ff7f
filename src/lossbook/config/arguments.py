"""Parse arguments of the command line in Hydra's grammar."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any


def parse(arguments: Sequence[str]) -> list[Any]:
    """Parse each argument into Hydra's ``Override``.

    Raises:
        hydra.errors.OverrideParseException: an argument is not of the form key=value.
    """
    return [_parsed(argument) for argument in arguments]


@lru_cache(maxsize=1024)  # the jobs of a sweep have most arguments in common
def _parsed(argument: str) -> Any:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    return OverridesParser.create().parse_overrides([argument])[0]


def quoted(text: str) -> str:
    """Quote a text for Hydra's grammar, whatever characters it contains."""
    # a backslash is one, unless a quote follows
    return "'" + re.sub(r"(\\*)('|$)", lambda found: found[1] * 2 + ("\\'" if found[2] else ""), text) + "'"


def uninterpolated(text: str) -> str:
    """Escape a text for OmegaConf, which would take ``${key}`` in it for the value of a key."""
    return re.sub(r"(\\*)\$\{", r"\1\1\\${", text)


def unquoted(text: str) -> str:
    """Remove the quotes that Hydra's grammar needs around some texts."""
    return text[1:-1] if text[:1] in "'\"" and text[:1] == text[-1:] and len(text) > 1 else text


def belongs_to_hydra(argument: str) -> bool:
    """Return whether an argument is a setting of Hydra itself: where it runs, how it sweeps, what help it shows."""
    return argument.lstrip("+~").startswith(("hydra.", "hydra/"))


def config_dir(arguments: Sequence[str]) -> str | None:
    """Return the value of ``--config-dir`` among the arguments of a command, None if it is not given."""
    for place, argument in enumerate(arguments):
        flag, _, path = argument.partition("=")
        if flag in ("--config-dir", "-cd"):
            return path or (arguments[place + 1] if place + 1 < len(arguments) else None)
    return None
