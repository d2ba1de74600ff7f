"""Paths on the command line: taken as they stand, whatever Hydra's grammar would make of their characters."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress

from lossbook.config.arguments import parse, quoted, uninterpolated
from lossbook.errors import refuse

PATHS = ("data.root", "data.split", "model.weights")
"""Keys of the config whose values are paths, beside ``ckpt``."""
_SWEEP = re.compile(r"(choice|range|interval|glob|sort|shuffle|tag)\(.*\)", re.DOTALL)
_ESCAPED = re.compile(r"\\([\\()\[\]{}:=, \t'\"])")


def split_ckpt(arguments: Sequence[str]) -> tuple[str | None, list[str]]:
    """Separate ``ckpt=PATH`` from the other arguments.

    Returns:
        The path (None if there is none, or ``null``), and the other arguments.
    """
    paths = [argument.removeprefix("ckpt=") for argument in arguments if argument.startswith("ckpt=")]
    others = [argument for argument in arguments if not argument.startswith("ckpt=")]
    if not paths or paths[-1] == "null":
        return None, others
    if paths[-1] in ("", "''", '""'):
        raise refuse("ckpt=", "ckpt needs a path.", "ckpt=outputs/<loss>-<optim>/<date>_<time>/checkpoints/last.ckpt")
    return meant(paths[-1]), others


def meant(text: str) -> str:
    """Return the path that was typed.

    It may contain any characters. If there is no such file, quotes and escapes of Hydra's grammar are resolved, and
    ``~`` is the home folder: the first reading that exists counts, else the last one.
    """
    readings = list(dict.fromkeys(_readings(text)))
    return next((one for one in readings if "\0" not in one and os.path.lexists(one)), readings[-1])


def verbatim(arguments: Sequence[str]) -> list[str]:
    """Quote the paths among arguments for Hydra's grammar; several values of a sweep are written ``choice(a,b)``.

    Doing so twice changes nothing.

    Raises:
        UserError: a path with commas that does not exist, where each of its pieces does.
    """
    return [_verbatim(argument) for argument in arguments]


def _verbatim(argument: str) -> str:
    key, _, text = argument.partition("=")
    if key.lstrip("+") not in PATHS or text in ("", "null"):
        return argument
    path = meant(text)
    there = os.path.lexists(path)
    if not there and _SWEEP.fullmatch(text):
        return argument
    pieces = text.split(",")
    if not there and len(pieces) > 1 and all(os.path.lexists(meant(piece)) for piece in pieces):
        raise refuse(argument, "This is one path, and there is none such.", f"-m '{key}=choice({text})' for a sweep")
    stored = uninterpolated(path) if there else path
    with suppress(Exception):  # characters that the grammar refuses
        (override,) = parse([argument])
        if override.value() == stored:
            return argument
    return f"{key}={quoted(stored)}"


def _readings(text: str) -> Iterator[str]:
    yield text
    plain = _ESCAPED.sub(r"\1", text)
    if text[:1] in ("'", '"') and text[:1] == text[-1:] and len(text) > 1:
        plain = text[1:-1]
        with suppress(Exception):
            plain = str(parse([f"path={text}"])[0].value())
    for one in (plain, re.sub(r"\\(\$\{)", r"\1", plain)):
        if os.path.lexists(one):
            yield one
    yield os.path.expanduser(text)
    yield os.path.expanduser(plain)
