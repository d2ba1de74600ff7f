"""Parse arguments of the command line in Hydra's grammar, and separate ``ckpt=PATH`` from them."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from lossbook.errors import refuse


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


def split_ckpt(arguments: Sequence[str]) -> tuple[str | None, list[str]]:
    """Separate ``ckpt=PATH`` from the other arguments; the path may contain ``=`` and blanks.

    If there is no such file, ``\\=`` and other escapes of Hydra's grammar are resolved, and ``~`` is the home folder.

    Returns:
        The path (None if there is none, or ``null``), and the other arguments.
    """
    paths = [argument.removeprefix("ckpt=") for argument in arguments if argument.startswith("ckpt=")]
    others = [argument for argument in arguments if not argument.startswith("ckpt=")]
    if not paths or paths[-1] == "null":
        return None, others
    path = _meant(paths[-1])
    if not path:
        raise refuse("ckpt=", "ckpt needs a path.", "ckpt=outputs/<loss>-<optim>/<date>_<time>/checkpoints/last.ckpt")
    return path, others


def _meant(given: str) -> str:
    """Return the first reading of the path that exists, else the last."""
    path = unquoted(given)
    readings = [path, re.sub(r"\\([\\()\[\]{}:=, \t'\"])", r"\1", path)]
    readings += [os.path.expanduser(one) for one in readings]
    return next((one for one in readings if "\0" not in one and os.path.lexists(one)), readings[-1])


def quoted(text: str) -> str:
    """Quote a text for Hydra's grammar, whatever characters it contains."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


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
