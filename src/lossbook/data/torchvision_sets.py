"""The sets that torchvision knows by name: how each names its parts, variants, labels and classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lossbook.errors import UserError, nearest, refuse

_BOTH = {"train": {"train": True}, "test": {"train": False}}
_SPLITS = {"train": {"split": "train"}, "test": {"split": "test"}}
_THREE = {"train": {"split": "train"}, "val": {"split": "val"}, "test": {"split": "test"}}
_DIGITS = tuple("0123456789")


@dataclass(frozen=True)
class NamedSet:
    """The facts about one set.

    Args:
        name: its class in ``torchvision.datasets``.
        parts: part of ours -> arguments of the class that open it; without ``test`` the set has no official parts.
        labels: attribute that holds the labels, or pairs of a path and a label.
        classes: attribute that holds the names of classes, or the names themselves.
        variant: argument of the class that picks a variant, with its values, the first of which is the default.
        arguments: of the class, in every part.
        kind: of the target.
        folders: part -> folder below the root, for a set without a class of its own.
    """

    name: str
    parts: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: _SPLITS)
    labels: str = "targets"
    classes: str | tuple[str, ...] = "classes"
    variant: tuple[str, tuple[Any, ...]] | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    kind: str = "class"
    folders: Mapping[str, str] = field(default_factory=dict)


IN_MEMORY = {
    facts.name: facts
    for facts in (
        NamedSet("MNIST", _BOTH),
        NamedSet("FashionMNIST", _BOTH),
        NamedSet("KMNIST", _BOTH),
        NamedSet("QMNIST", _BOTH),
        NamedSet("EMNIST", _BOTH, variant=("split", ("balanced", "byclass", "bymerge", "letters", "digits", "mnist"))),
        NamedSet("USPS", _BOTH, classes=_DIGITS),
        NamedSet("CIFAR10", _BOTH),
        NamedSet("CIFAR100", _BOTH),
        NamedSet("SVHN", labels="labels", classes=_DIGITS),
        NamedSet("STL10", labels="labels"),
    )
}
"""Sets of images of one size, which torchvision holds in memory, by the name of their class."""

_VALID = {"train": {"split": "train"}, "val": {"split": "valid"}, "test": {"split": "test"}}
_ALL: Mapping[str, Mapping[str, Any]] = {"train": {}}
_PETS = {"train": {"split": "trainval"}, "test": {"split": "test"}}

IN_FILES = {
    "caltech101": NamedSet("Caltech101", _ALL, "y", "categories"),
    "celeba": NamedSet("CelebA", _VALID, "attr", "attr_names", kind="multilabel"),
    "country211": NamedSet("Country211", _VALID),
    "dtd": NamedSet("DTD", _THREE, "_labels", variant=("partition", tuple(range(1, 11)))),
    "eurosat": NamedSet("EuroSAT", _ALL),
    "fgvc_aircraft": NamedSet(
        "FGVCAircraft", _THREE, "_labels", variant=("annotation_level", ("variant", "family", "manufacturer"))
    ),
    "flowers102": NamedSet("Flowers102", _THREE, "_labels"),
    "food101": NamedSet("Food101", _SPLITS, "_labels"),
    "gtsrb": NamedSet("GTSRB", _SPLITS, "_samples", tuple(map(str, range(43)))),
    "imagenet": NamedSet("ImageFolder", _BOTH, folders={"train": "train", "test": "val"}),
    "imagenette": NamedSet(
        "Imagenette",
        {"train": {"split": "train"}, "test": {"split": "val"}},
        "_samples",
        variant=("size", ("full", "320px", "160px")),
    ),
    "oxford_iiit_pet": NamedSet("OxfordIIITPet", _PETS, "_labels"),
    "oxford_iiit_pet_masks": NamedSet(
        "OxfordIIITPet", _PETS, "", ("pet", "background", "border"), None, {"target_types": "segmentation"}, "mask"
    ),
}
"""Sets of image files of many sizes, by the name of their option."""


def facts_of(name: str, sets: Mapping[str, NamedSet]) -> NamedSet:
    """Return the facts about a set.

    Raises:
        UserError: there is no such set among these.
    """
    if name not in sets:
        near = nearest(str(name), sets) or next(iter(sets))
        rule = f"It must be one of {', '.join(sets)}."
        raise refuse(f"data.source.name={name}", rule, f"data.source.name={near}")
    return sets[name]


def open_set(facts: NamedSet, root: str, part: str, download: bool, variant: Any = None, **others: Any) -> Any:
    """Return torchvision's object for a part of a set.

    Args:
        facts: about the set.
        root: torchvision's ``root`` folder.
        part: one of ``facts.parts``.
        download: whether to download files that are missing.
        variant: of those that the set has; None for the default.
        others: further arguments of its class.

    Raises:
        UserError: there is no such variant; or the files are missing, unreadable, or cannot be downloaded.
    """
    from torchvision import datasets  # imported here, since it takes a second and few sets need it

    arguments = {**facts.arguments, **_variant(facts, variant), **others}
    if facts.folders:
        if download:
            rule = "Its licence asks each user to fetch it: https://image-net.org."
            raise refuse("data.download=true", rule, "data.download=false data.root=PATH with train and val")
        place, given = str(Path(root) / facts.folders[part]), arguments
    else:
        place, given = root, {**arguments, **facts.parts[part], "download": download}
    try:
        return getattr(datasets, facts.name)(place, **given)
    except Exception as error:  # torchvision passes on whatever downloading or unpickling raises
        raise _refusal(facts.name, root, download, error) from error


def labels_of(facts: NamedSet, found: Any) -> Any:
    """Return the labels of an opened set, one a sample, in its order."""
    labels = getattr(found, facts.labels)
    return [label for _, label in labels] if facts.labels == "_samples" else labels


def class_names_of(facts: NamedSet, found: Any) -> tuple[str, ...]:
    """Return the names of the classes of an opened set, in order of their indices."""
    names = facts.classes if isinstance(facts.classes, tuple) else getattr(found, facts.classes, _DIGITS)
    # some have several names, such as Imagenette's "tench, Tinca tinca"; "7 - seven" of MNIST is 7
    firsts = (name if isinstance(name, str) else name[0] for name in names)
    return tuple(name.split(" - ")[0] for name in firsts if name)  # the line of CelebA's names ends with a blank


def _variant(facts: NamedSet, variant: Any) -> dict[str, Any]:
    if facts.variant is None:
        if variant is not None:
            rule = f"{facts.name} has no variants."
            raise refuse(f"data.variant={variant}", rule, "data.variant=null")
        return {}
    argument, values = facts.variant
    if variant is None:
        return {argument: values[0]}
    if variant not in values:
        near = nearest(str(variant), map(str, values)) or values[0]
        rule = f"{facts.name} comes as {', '.join(map(str, values))}."
        raise refuse(f"data.variant={variant}", rule, f"data.variant={near}")
    return {argument: variant}


def _refusal(name: str, root: str, download: bool, error: Exception) -> UserError:
    if isinstance(error, UserError):
        return error
    if download:
        return refuse(
            f"data.root={root} data.download=true",
            f"{name} could not be downloaded or read: {error}".splitlines()[0],
            "check the network and that the folder is writable; or data.root=PATH of a complete copy",
        )
    state = "holds no readable" if Path(root).is_dir() else "is not a folder, so has no"
    return refuse(
        f"data.root={root} {state} {name}",
        f"{name} must be there as torchvision stores it ({name}/raw or its extracted archive).",
        "data.root=PATH, or data.download=true to download it there",
    )
