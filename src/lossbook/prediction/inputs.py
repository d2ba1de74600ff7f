"""Finding the files that ``input=`` names: a folder, a file, a pattern, or paths on the standard input."""

from __future__ import annotations

import glob
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

from lossbook.errors import refuse, typed
from lossbook.formatting import plural


class InputFile(NamedTuple):
    """A file, and what the user calls it: its path below the folder that was given, or as it was given."""

    path: Path
    name: str


def find_inputs(given: str, suffixes: Sequence[str], stdin: TextIO | None = None) -> list[InputFile]:
    """Return the files that were meant, in order.

    Args:
        given: a folder, which is searched with all below it; a file; a pattern such as ``photos/**/*.jpg``; or ``-``.
        suffixes: of the files that count in folders, in lower case.
        stdin: with a path a line for ``-``; None: the standard input.

    Raises:
        UserError: there is none.
    """
    if given == "-":
        lines = [line.rstrip("\r\n") for line in (sys.stdin if stdin is None else stdin)]
        found = [InputFile(Path(line), line) for line in lines if line]
        if not found:
            raise refuse(
                "input=-", "The standard input holds no path; it takes one a line.", "ls photos/* | ... input=-"
            )
        if not any(os.path.lexists(file.path) for file in found):
            given = f"input=-: {typed(found[0].name[:60])}, the first of {plural(len(found), 'line')}, is no file"
            rule = "The standard input takes paths, one a line, not the content of a file; no line is one."
            raise refuse(given, rule, "input=FILE, or ls photos/* | ... input=-")
        return found
    path = Path(given)
    if path.is_dir():
        return _in_folder(path, suffixes)
    if not os.path.lexists(path) and glob.has_magic(given):
        found = [
            InputFile(Path(one), one) for one in sorted(glob.glob(given, recursive=True)) if not os.path.isdir(one)
        ]
        if not found:
            raise refuse(f"input={given}", "No file fits this pattern.", "** stands for any folders below")
        return found
    if not os.path.lexists(path):
        raise refuse(f"input={given}", "There is no such file or folder.", "input=FOLDER, a file, a pattern, or -")
    return [InputFile(path, path.name)]


def in_list(paths: Iterable[str | os.PathLike[str]], suffixes: Sequence[str]) -> list[InputFile]:
    """Return files that were given one by one; a folder stands for what is in it."""
    found: list[InputFile] = []
    for path in map(Path, paths):
        found += _in_folder(path, suffixes) if path.is_dir() else [InputFile(path, str(path))]
    return found


def _in_folder(folder: Path, suffixes: Sequence[str]) -> list[InputFile]:
    others: Counter[str] = Counter()
    found = []
    for path in _files(folder):
        if path.suffix.lower() in suffixes:
            found.append(InputFile(path, path.relative_to(folder).as_posix()))
        else:
            others[path.suffix.lower() or "without a suffix"] += 1
    if not found:
        there = ", ".join(f"{count:,} {kind}" for kind, count in others.most_common(5))
        rule = f"It holds no file that this network reads ({', '.join(suffixes)}){f', but {there}' if there else ''}."
        raise refuse(f"input={folder}", rule, "another folder")
    return sorted(found, key=lambda one: one.name)


def _files(folder: Path) -> Iterator[Path]:
    """Yield all files below a folder, but for hidden ones; a folder that is linked twice is entered once."""
    seen: set[tuple[int, int]] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        status = os.stat(place)
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(one for one in folders if not one.startswith("."))
        yield from (Path(place, name) for name in names if not name.startswith("."))
