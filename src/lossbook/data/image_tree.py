"""What lies in a folder of images: parts, classes and files, and what is passed over."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from lossbook.errors import Problem, UserError, refuse

PART_NAMES = {  # in any case
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}
# which Pillow always reads; it is asked for others where they occur
EXTENSIONS = {
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".gif", ".webp", ".bmp", ".dib", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm"),
}
# Pillow identifies these, but cannot draw them, or runs another program to do so
DOCUMENTS = {"BUFR", "EPS", "GRIB", "HDF5", "IPTC", "MPEG", "PDF", "WMF"}
_UNREAD = {  # images all the same
    *(".heic", ".heif", ".hif", ".avif", ".jxl", ".jp2", ".svg", ".exr", ".hdr"),
    *(".raw", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2"),
}
_SYSTEM = {"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "@eadir", "$recycle.bin"}
_SHOWN = 20


class Sample(NamedTuple):
    """A file that is an image by its name.

    Args:
        name: its path below the root, with slashes.
        label: index of its class.
        part: ``train``, ``val`` or ``test``; None where the root has no parts.
    """

    name: str
    label: int
    part: str | None


@dataclass(frozen=True)
class Tree:
    """The images below a root, in the order of their parts, classes and paths.

    Args:
        root: the folder.
        classes: their names, sorted.
        samples: the images.
        passed_over: how many files are not among them, by reason.
    """

    root: Path
    classes: tuple[str, ...]
    samples: tuple[Sample, ...]
    passed_over: Mapping[str, int]


def read_tree(root: Path) -> Tree:
    """Find parts, classes and images by their names; no file is opened.

    Raises:
        UserError: parts or classes are ambiguous, missing or empty, or a folder cannot be read.
    """
    passed: Counter[str] = Counter()
    folders = _folders(root, passed)
    parts: dict[str | None, str] = dict(_parts(root, folders))
    for name in sorted(set(folders) - set(parts.values())) if parts else ():
        _pass_over_beside(root, name, list(parts.values()), passed)
    classes = {part: _folders(root / name, passed) for part, name in parts.items()} or {None: folders}
    parts = parts or {None: ""}
    problems = list(_class_problems(root, parts, classes))
    if problems:
        raise UserError(*problems)
    samples: list[Sample] = []
    for part, names in classes.items():
        first: dict[str, Sample] = {}  # by the real path
        for label, name in enumerate(names):
            here: Counter[str] = Counter()
            prefix = f"{parts[part]}/{name}/" if parts[part] else f"{name}/"
            found = sorted(_files(root / prefix, here), key=lambda pair: pair[0].split("/"))
            for file, real in found:
                sample = Sample(prefix + file, label, part)
                before = first.setdefault(real, sample)
                if before is sample:
                    samples.append(sample)
                elif before.label == label:
                    here[_AGAIN] += 1
                else:
                    problems.append(_two_classes(root, before, sample))
            if not found:
                problems.append(_no_image(root / prefix, here))
            passed += here
    if problems:
        raise UserError(*problems[:_SHOWN])
    return Tree(root, tuple(next(iter(classes.values()))), tuple(samples), passed)


_AGAIN = "linked a second time"


def counted(numbers: Mapping[str, int], most: int = 8) -> str:
    """Reasons and how often each holds, the most frequent first: ``3 hidden, 2 .txt (not an image)``."""
    kinds = sorted(((count, kind) for kind, count in numbers.items() if count), key=lambda pair: (-pair[0], pair[1]))
    more = sum(count for count, _ in kinds[most:])
    return ", ".join([f"{count:,} {kind}" for count, kind in kinds[:most]] + [f"{more:,} others"] * bool(more))


def _parts(root: Path, folders: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The parts that the root has, in the order of ``PART_NAMES``, and the name of each one's folder."""
    for part, names in PART_NAMES.items():
        found = [folder for folder in folders if folder.lower() in names]
        if len(found) > 1:
            raise refuse(
                f"{root} has {' and '.join(found)}",
                f"They all name the {part} part, which has one folder.",
                f"put them together, or hide one: {_move(root, found[1], '.' + found[1])}",
            )
        if found:
            yield part, found[0]


def _pass_over_beside(root: Path, name: str, parts: Sequence[str], passed: Counter[str]) -> None:
    """A folder beside those of the parts: other files may stand there, images may not."""
    here: Counter[str] = Counter()
    if not _files(root / name, here):
        passed += here
        return
    hide = _move(root, name, f".{name}")
    if len(parts) > 1:
        fix = f"move it into the parts, or hide it: {hide}"
    else:
        fix = f"if {parts[0]} is a class: {_move(root, parts[0], f'{parts[0]}_')}; if it is a part, hide {name}: {hide}"
    raise refuse(
        f"{root} has {name} with images beside {', '.join(parts)}",
        f"Folders called {', '.join(parts)} are parts, and then all classes are inside the parts.",
        fix,
    )


def _move(root: Path, name: str, to: str) -> str:
    return shlex.join(["mv", str(root / name), str(root / to)])


def _class_problems(
    root: Path, parts: Mapping[str | None, str], classes: Mapping[str | None, Sequence[str]]
) -> Iterator[Problem]:
    first, *others = classes
    for part, names in classes.items():
        for name in names:
            if not name.isprintable():
                yield Problem(
                    f"{root / parts[part]} has a class folder {name!r}", "Names are printable UTF-8.", "mv it"
                )
    names = classes[first]
    if len(names) < 2:
        folder = root / parts[first]
        inside = folder / names[0] if names else folder
        deeper = _folders(inside, Counter()) if names else []
        yield Problem(
            f"{folder} has {len(names)} class folder{'' if len(names) == 1 else 's'}",
            "Classification needs at least two classes, a folder each.",
            f"data.root={inside}" if len(deeper) > 1 and first is None else f"{folder}/CLASS/IMAGE",
        )
    for part in others:
        if different := sorted(set(classes[part]) ^ set(names)):
            more = f" and {len(different) - _SHOWN} more" if len(different) > _SHOWN else ""
            yield Problem(
                f"{root / parts[part]} has other classes than {parts[first]}: {', '.join(different[:_SHOWN])}{more}",
                "All parts have the same class folders.",
                "add or remove these folders",
            )


def _no_image(folder: Path, passed: Mapping[str, int]) -> Problem:
    rule = "Each class folder holds images, such as .jpg or .png."
    if listing := counted(passed):
        rule = f"{rule} It holds {listing}."
    return Problem(f"{folder} holds no image", rule, "add images or remove the folder")


def _two_classes(root: Path, first: Sample, second: Sample) -> Problem:
    return Problem(
        f"{root / first.name} and {root / second.name} are one file",
        "An image has one class.",
        "remove one of the links",
    )


def _folders(folder: Path, passed: Counter[str]) -> list[str]:
    """The names of the folders in it, sorted; files beside them are passed over."""
    names = []
    for entry in _entries(str(folder), passed):
        if _is_folder(entry):
            names.append(entry.name)
        else:
            passed[_reason(entry) or "in no class folder"] += 1
    return names


def _files(folder: Path, passed: Counter[str]) -> list[tuple[str, str]]:
    """The images anywhere in a folder and in what is linked into it: names below the folder, and real paths."""
    found, seen = [], set()
    folders, links = [("", os.path.realpath(folder))], []
    while folders or links:
        prefix, real = folders.pop() if folders else links.pop(0)  # a folder itself before links to it
        if real in seen:
            passed[_AGAIN] += 1
            continue
        seen.add(real)
        for entry in _entries(real, passed):
            path = os.path.realpath(entry.path) if entry.is_symlink() else entry.path
            if _is_folder(entry):
                (links if entry.is_symlink() else folders).append((f"{prefix}{entry.name}/", path))
            elif reason := _reason(entry):
                passed[reason] += 1
            else:
                found.append((prefix + entry.name, path))
    return found


def _entries(folder: str, passed: Counter[str]) -> list[os.DirEntry[str]]:
    """What is in a folder, sorted by name, but for hidden files and those of file managers."""
    try:
        with os.scandir(folder) as scanned:
            entries = sorted(scanned, key=lambda entry: entry.name)
    except OSError as error:
        raise refuse(f"{folder} cannot be read", str(error.strerror), f"chmod u+rx {folder}") from error
    shown = []
    for entry in entries:
        if not entry.name.startswith(".") and entry.name.lower() not in _SYSTEM:
            shown.append(entry)
        elif _is_folder(entry):
            passed["hidden"] += sum(len(files) for _, _, files in os.walk(entry.path))
        else:
            passed["hidden"] += 1
    return shown


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _reason(entry: os.DirEntry[str]) -> str | None:
    """Why a file is no image by its name; None if it is one."""
    extension = os.path.splitext(entry.name)[1].lower()
    if readable(extension):
        return None
    if entry.is_symlink() and not os.path.exists(entry.path):
        return "broken link"
    if not extension:
        return "without an extension"
    return f"{extension} ({'Pillow cannot read it' if extension in _UNREAD else 'not an image'})"


@lru_cache(maxsize=1000)
def readable(extension: str) -> bool:
    """Whether files of this extension, in lower case and with its dot, are images that Pillow can read."""
    if extension in EXTENSIONS:
        return True
    if not extension:
        return False
    from PIL import Image

    kind = Image.registered_extensions().get(extension)
    return kind in Image.OPEN and kind not in DOCUMENTS
