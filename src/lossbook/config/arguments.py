"""Reading the command line: Hydra's grammar, and what belongs to a checkpoint."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from lossbook.errors import refuse


def parse(arguments: Sequence[str]) -> list[Any]:
    """Hydra's ``Override`` for each argument.

    Raises:
        hydra.errors.OverrideParseException: an argument that is not of the form key=value.
    """
    return [_parsed(argument) for argument in arguments]


@lru_cache(maxsize=1024)  # the jobs of a sweep have most arguments in common
def _parsed(argument: str) -> Any:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    return OverridesParser.create().parse_overrides([argument])[0]


def split_ckpt(arguments: Sequence[str]) -> tuple[str | None, list[str]]:
    """Takes ``ckpt=PATH`` out of the arguments; the path is taken as it stands, ``=`` and blanks included.

    Where there is no such file, ``\\=`` and other escapes of Hydra's grammar are read, and ``~`` as the home folder.

    Returns:
        The path (None where there is none, or ``null``), and the other arguments.
    """
    paths = [argument.removeprefix("ckpt=") for argument in arguments if argument.startswith("ckpt=")]
    others = [argument for argument in arguments if not argument.startswith("ckpt=")]
    if not paths or paths[-1] == "null":
        return None, others
    path = _meant(paths[-1])
    if not path:
        raise refuse("ckpt=", "A path must follow.", "ckpt=outputs/<loss>-<optim>/<date>_<time>/checkpoints/last.ckpt")
    return path, others


def _meant(given: str) -> str:
    """The path that is meant: of its readings the first that is there."""
    path = unquoted(given)
    readings = [path, re.sub(r"\\([\\()\[\]{}:=, \t'\"])", r"\1", path)]
    readings += [os.path.expanduser(one) for one in readings]
    return next((one for one in readings if "\0" not in one and os.path.lexists(one)), readings[-1])


def quoted(text: str) -> str:
    """A text as Hydra's grammar takes it whatever it holds."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def unquoted(text: str) -> str:
    """A text without the quotes that Hydra's grammar wants around some of them."""
    return text[1:-1] if text[:1] in "'\"" and text[:1] == text[-1:] and len(text) > 1 else text


def belongs_to_hydra(argument: str) -> bool:
    """Whether an argument speaks of Hydra itself: where it runs, how it sweeps, what help it shows."""
    return argument.lstrip("+~").startswith(("hydra.", "hydra/"))


def config_dir(arguments: Sequence[str]) -> str | None:
    """The folder of a user's own options that is named among the arguments, for commands that are printed."""
    for place, argument in enumerate(arguments):
        flag, _, path = argument.partition("=")
        if flag in ("--config-dir", "-cd"):
            return path or (arguments[place + 1] if place + 1 < len(arguments) else None)
    return None
