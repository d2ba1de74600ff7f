"""Finding the images and masks below a root, and which belong together by their names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lossbook.data.images.listing import folders_in, images_in
from lossbook.data.part_names import PART_NAMES, part_of
from lossbook.errors import refuse

IMAGES = ("images", "image", "imgs", "img")  # folders, in any case
MASKS = ("masks", "mask", "labels", "annotations", "segmentation")
ENDING = "_mask"
_SHOWN = 20
_LAYOUTS = (
    "It must hold images/NAME.jpg and masks/NAME.png, or train/images/..., train/masks/... and likewise test and val,"
    " or NAME.jpg beside NAME_mask.png."
)


@dataclass(frozen=True)
class MaskedImage:
    """An image file and its mask, as paths below the root with slashes.

    Args:
        image, mask: the files.
        part: ``train``, ``val`` or ``test``; None where the root has no parts.
    """

    image: str
    mask: str
    part: str | None


@dataclass(frozen=True)
class Pairing:
    """What was found below a root.

    Args:
        samples: sorted by the path of the image.
        skipped: how many files were not taken, by reason.
        alone: of images without a mask and masks without an image, a line each.
    """

    samples: tuple[MaskedImage, ...]
    skipped: Mapping[str, int]
    alone: tuple[str, ...]


def read_pairing(root: Path) -> Pairing:
    """Find images and masks, and pair them by name; no file is opened.

    Raises:
        UserError: there is none, or it cannot be said which is which.
    """
    skipped: Counter[str] = Counter()
    folders = folders_in(root, skipped)
    parts = {part: [one for one in folders if one.lower() in names] for part, names in PART_NAMES.items()}
    for part, named in parts.items():
        if len(named) > 1:
            rule = f"These are all names of the {part} part, which must be one folder."
            raise refuse(f"{root} has {' and '.join(named)}", rule, "merge them, or rename one")
    samples: list[MaskedImage] = []
    alone: list[str] = []
    if _of_kind(folders, IMAGES) or not any(parts.values()):
        found, alone = _pairs(root, "", skipped)
        samples = list(_with_parts(found))
    else:
        for part, named in parts.items():
            for folder in named:
                found, without = _pairs(root, f"{folder}/", skipped)
                samples += [MaskedImage(image, mask, part) for image, mask in found]
                alone += without
    if not samples:
        raise refuse(f"{root} holds no image with a mask", _LAYOUTS, "data.root=PATH")
    return Pairing(tuple(sorted(samples, key=lambda one: one.image)), skipped, tuple(alone))


def alone_in_words(alone: Sequence[str]) -> str:
    """Return the first twenty lines, and how many more there are."""
    more = f" and {len(alone) - _SHOWN:,} more" if len(alone) > _SHOWN else ""
    return ", ".join(alone[:_SHOWN]) + more


def _of_kind(folders: Sequence[str], names: Sequence[str]) -> list[str]:
    return [folder for folder in folders if folder.lower() in names]


def _pairs(root: Path, prefix: str, skipped: Counter[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """Return (image, mask) below a folder, and what has no partner."""
    folders = folders_in(root / prefix, Counter())
    of_images, of_masks = _of_kind(folders, IMAGES), _of_kind(folders, MASKS)
    if len(of_images) == len(of_masks) == 1:
        images = _by_stem(root, f"{prefix}{of_images[0]}/", skipped)
        masks = _by_stem(root, f"{prefix}{of_masks[0]}/", skipped)
        masks = {stem if stem in images else stem.removesuffix(ENDING): path for stem, path in masks.items()}
    elif of_images or of_masks:
        given = ", ".join((*of_images, *of_masks))
        raise refuse(f"{root / prefix} has {given}", f"It needs one folder of images and one of masks. {_LAYOUTS}",
                     "rename the folders to images and masks")  # fmt: skip
    else:
        every = _by_stem(root, prefix, skipped)
        masks = {stem.removesuffix(ENDING): path for stem, path in every.items() if stem.endswith(ENDING)}
        images = {stem: path for stem, path in every.items() if not stem.endswith(ENDING)}
    alone = [f"{images[stem]} has no mask" for stem in images if stem not in masks]
    alone += [f"{masks[stem]} has no image" for stem in masks if stem not in images]
    return [(images[stem], masks[stem]) for stem in images if stem in masks], alone


def _by_stem(root: Path, prefix: str, skipped: Counter[str]) -> dict[str, str]:
    """Return the path below the root of each image below a folder, by its path in the folder without the suffix.

    Raises:
        UserError: two files differ in the suffix alone.
    """
    found: dict[str, str] = {}
    for name, _ in images_in(root / prefix, skipped):
        stem = str(PurePosixPath(name).with_suffix(""))
        if stem in found:
            rule = "An image and its mask are found by their names without the suffix, which must be unique."
            raise refuse(f"{root / found[stem]} and {root / prefix / name}", rule, "rename or remove one")
        found[stem] = prefix + name
    return found


def _with_parts(pairs: Sequence[tuple[str, str]]) -> Iterator[MaskedImage]:
    """Yield samples; where all images lie in folders of parts, as in ``images/train/NAME``, with their parts."""
    inner = [PurePosixPath(image).parts[1:-1][:1] for image, _ in pairs]
    parts = [part_of(*folder) if folder else None for folder in inner]
    known = None not in parts
    for (image, mask), part in zip(pairs, parts, strict=True):
        yield MaskedImage(image, mask, part if known else None)
