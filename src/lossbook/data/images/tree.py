"""Finding the parts, classes and files in a folder of images."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from lossbook.data.images.listing import AGAIN, counts_in_words, folders_in, images_in
from lossbook.data.part_names import PART_NAMES
from lossbook.errors import Problem, UserError, nearest, refuse

_SHOWN = 20


class Sample(NamedTuple):
    """An image file.

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
    """The images below a root, ordered by part, class and path.

    Args:
        root: the folder.
        classes: names, sorted.
        samples: the images.
        skipped: number of other files, by reason.
    """

    root: Path
    classes: tuple[str, ...]
    samples: tuple[Sample, ...]
    skipped: Mapping[str, int]


def read_tree(root: Path, known: Sequence[str] | None = None) -> Tree:
    """Find parts, classes and images by their names; no file is opened.

    Args:
        root: the folder.
        known: the classes of a checkpoint, in its order; no others are allowed, but any of them may be missing.

    Raises:
        UserError: parts or classes are ambiguous, missing or empty, or a folder cannot be read.
    """
    skipped: Counter[str] = Counter()
    folders = folders_in(root, skipped)
    parts: dict[str | None, str] = dict(_parts(root, folders))
    for name in sorted(set(folders) - set(parts.values())) if parts else ():
        _skip_beside(root, name, list(parts.values()), skipped)
    classes = {part: folders_in(root / name, skipped) for part, name in parts.items()} or {None: folders}
    parts = parts or {None: ""}
    problems = list(_class_problems(root, parts, classes) if known is None else _unknown(root, parts, classes, known))
    _raise(problems)
    samples: list[Sample] = []
    every = tuple(known or next(iter(classes.values())))
    for part, names in classes.items():
        first: dict[str, Sample] = {}  # by real path
        for name in names:
            label = every.index(name)
            here: Counter[str] = Counter()
            prefix = f"{parts[part]}/{name}/" if parts[part] else f"{name}/"
            found = sorted(images_in(root / prefix, here), key=lambda pair: pair[0].split("/"))
            for file, real in found:
                sample = Sample(prefix + file, label, part)
                before = first.setdefault(real, sample)
                if before is sample:
                    samples.append(sample)
                elif before.label == label:
                    here[AGAIN] += 1
                else:
                    problems.append(_two_classes(root, before, sample))
            if not found:
                problems.append(_no_image(root / prefix, here))
            skipped += here
    if None in parts:
        problems.extend(_parts_inside(root, samples))
    _raise(problems)
    return Tree(root, every, tuple(samples), skipped)


def _parts(root: Path, folders: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the parts that the root has, in the order of ``PART_NAMES``, with the name of each folder."""
    for part, names in PART_NAMES.items():
        found = [folder for folder in folders if folder.lower() in names]
        if len(found) > 1:
            raise refuse(
                f"{root} has {' and '.join(found)}",
                f"These are all names of the {part} part, which must be one folder.",
                f"merge them, or hide one: {_move(root, found[1], '.' + found[1])}",
            )
        if found:
            yield part, found[0]


def _skip_beside(root: Path, name: str, parts: Sequence[str], skipped: Counter[str]) -> None:
    """Skip a folder beside those of the parts; it must not hold images."""
    here: Counter[str] = Counter()
    if not images_in(root / name, here):
        skipped += here
        return
    hide = _move(root, name, f".{name}")
    if len(parts) > 1:
        fix = f"move it into the parts, or hide it: {hide}"
    else:
        fix = f"if {parts[0]} is a class: {_move(root, parts[0], f'{parts[0]}_')}; if it is a part, hide {name}: {hide}"
    raise refuse(
        f"{root} has {name} with images beside {', '.join(parts)}",
        f"A folder called {' or '.join(parts)} is a part, and with parts all classes must be inside them.",
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
                    f"{root / parts[part]} has a class folder {name!r}", "Class names must be printable.", "rename it"
                )
    names = classes[first]
    if len(names) < 2:
        folder = root / parts[first]
        inside = folder / names[0] if names else folder
        loose: Counter[str] = Counter()
        deeper = folders_in(inside, loose)
        images = f" {loose['outside the class folders']:,} images are in none." if not names and loose else ""
        yield Problem(
            f"{folder} has {len(names)} class folder{'' if len(names) == 1 else 's'}",
            f"Classification needs at least two classes, one folder each.{images}",
            f"data.root={inside}" if len(deeper) > 1 and first is None else f"{folder}/CLASS/IMAGE",
        )
    for part in others:
        if different := sorted(set(classes[part]) ^ set(names)):
            more = f" and {len(different) - _SHOWN} more" if len(different) > _SHOWN else ""
            yield Problem(
                f"{root / parts[part]} and {parts[first]} differ in classes: {', '.join(different[:_SHOWN])}{more}",
                "All parts must have the same class folders.",
                "add or remove these folders",
            )


def _unknown(
    root: Path, parts: Mapping[str | None, str], classes: Mapping[str | None, Sequence[str]], known: Sequence[str]
) -> Iterator[Problem]:
    """Yield the classes that the checkpoint does not know."""
    for part, names in classes.items():
        folder = root / parts[part]
        if not names:
            yield Problem(f"{folder} has no class folder", "Each class needs its own folder.", f"{folder}/CLASS/IMAGE")
        if other := [name for name in names if name not in known]:
            near = nearest(other[0], known)
            yield Problem(
                f"{folder} has {', '.join(other[:_SHOWN])}, which the checkpoint does not know.",
                f"Its classes are {', '.join(known[:_SHOWN])}{' ...' if len(known) > _SHOWN else ''}.",
                (f"{_move(folder, other[0], near)}, or " if near else "")
                + f"hide it: {_move(folder, other[0], '.' + other[0])}",
            )


def _parts_inside(root: Path, samples: Sequence[Sample]) -> Iterator[Problem]:
    """Find parts inside the classes instead of around them: splitting at random would mix them."""
    deep = [sample.name.split("/") for sample in samples if sample.name.count("/") > 1]
    inside = {folder.lower(): f"{name}/{folder}" for name, folder, *_ in deep}
    found = {part: inside[name] for part, names in PART_NAMES.items() for name in names if name in inside}
    if {"train", "test"} <= found.keys():
        yield Problem(
            f"{root} has {' and '.join(found.values())}",
            "Classes must be inside the parts, not parts inside the classes.",
            f"move them to {root}/train/CLASS and {root}/test/CLASS",
        )


def _no_image(folder: Path, skipped: Mapping[str, int]) -> Problem:
    rule = "Each class folder must hold images, such as .jpg or .png."
    if listing := counts_in_words(skipped):
        rule = f"{rule} It holds {listing}."
    return Problem(f"{folder} holds no image", rule, "add images or remove the folder")


def _two_classes(root: Path, first: Sample, second: Sample) -> Problem:
    return Problem(
        f"{root / first.name} and {root / second.name} are the same file",
        "An image must have one class.",
        "remove one of the links",
    )


def _raise(problems: Sequence[Problem]) -> None:
    """Raise all problems together, if there are any: the first twenty, and a count of the rest."""
    more = len(problems) - _SHOWN
    if problems:
        rest = [Problem(f"and {more:,} more", f"Only the first {_SHOWN} are shown.")] if more > 0 else []
        raise UserError(*problems[:_SHOWN], *rest)
