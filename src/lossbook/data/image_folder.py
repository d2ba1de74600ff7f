"""A user's own images, a folder a class, read from disk while training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from lossbook.data.digits import PARTS
from lossbook.data.schema import Schema
from lossbook.data.source import Parts, Source
from lossbook.data.split import FRACTIONS, stratified_split
from lossbook.data.statistics import described_parts
from lossbook.errors import refuse

if TYPE_CHECKING:
    from PIL.Image import Image

EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm", ".pgm", ".tif", ".tiff")
# of ImageNet's training part: https://docs.pytorch.org/vision/stable/models.html
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


class ImageFiles(Dataset[dict[str, Any]]):
    """Images as (3, size, size) uint8, the largest centred square scaled to ``size``, with their class.

    Args:
        paths: image files.
        targets: (N,) int64 class indices.
        size: pixels a side.
    """

    def __init__(self, paths: Sequence[Path], targets: Tensor, size: int) -> None:
        self.paths, self.targets, self.size = list(paths), targets, size

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> dict[str, Any]:
        from PIL import Image, UnidentifiedImageError

        try:
            with Image.open(self.paths[index]) as file:
                side = min(file.size)
                left, top = ((length - side) // 2 for length in file.size)
                square = _rgb(file, self.paths[index]).crop((left, top, left + side, top + side))
                image = square.resize((self.size, self.size), Image.Resampling.BILINEAR)
        except (UnidentifiedImageError, OSError) as error:
            raise refuse(
                f"{self.paths[index]} cannot be read as an image", str(error), "repair the file or take it away"
            ) from error
        return {"input": torch.from_numpy(np.array(image)).permute(2, 0, 1), "target": self.targets[index]}

    def rows(self, chosen: np.ndarray) -> ImageFiles:
        """Some of the files, in this order."""
        return ImageFiles([self.paths[row] for row in chosen], self.targets[torch.from_numpy(chosen)], self.size)


def _rgb(file: Image, path: Path) -> Image:
    """The image in 8 bits a channel; Pillow alone would cut greys of 16 bits at 255, and so make them white."""
    if file.mode.startswith("I;16") or (file.mode == "I" and file.format in ("PNG", "PPM")):  # 0 to 65535
        from PIL import Image

        file = Image.fromarray((np.asarray(file) >> 8).astype(np.uint8))
    elif file.mode in ("I", "F"):
        raise refuse(
            f"{path} has pixels of 32 bits",
            "Which of their values is white is not written there: images have 8 or 16 bits a channel.",
            "save it with 8 bits, or take it away",
        )
    return file.convert("RGB")


@dataclass(frozen=True)
class ImageFolder(Source):
    """Classes from folders: ``root/train/CLASS/*.png`` with ``val`` and ``test`` beside, or ``root/CLASS/*.png``.

    Args:
        root: with folders ``train`` and ``test``, and ``val`` or 15 % of ``train`` in its place; or with a folder a
            class, which is split 70 / 15 / 15. Files without an image's extension are passed over.
        image_size: pixels a side.
        normalise: mean and standard deviation of each channel, of values in [0, 1].
        seed: fixes splits and the order of samples within the parts.
    """

    root: str
    image_size: int = 64
    normalise: Sequence[Sequence[float]] = IMAGENET
    seed: int = 0

    def load(self) -> Parts:
        if not isinstance(self.image_size, int) or self.image_size < 1:
            raise refuse(f"data.image_size={self.image_size}", "It is a number of pixels.", "data.image_size=64")
        root = Path(self.root).expanduser()
        if not root.is_dir():
            raise refuse(
                f"data.root={self.root} is not a folder",
                "It holds train/CLASS/IMAGE and test/CLASS/IMAGE, or CLASS/IMAGE to be split.",
                "data.root=PATH",
            )
        names, parts = self._given(root) if (root / "train").is_dir() else self._split(root)
        schema = Schema("class", (3, self.image_size, self.image_size), 0, classes=len(names), class_names=tuple(names))
        mean, scale = (tuple(map(float, channel)) for channel in self.normalise)
        return described_parts(schema, parts, (mean, scale))

    def _split(self, root: Path) -> tuple[list[str], dict[str, ImageFiles]]:
        names = _class_names(root)
        files = self._files(root, names)
        rows = stratified_split(files.targets.numpy(), self.seed)
        return names, {part: files.rows(chosen) for part, chosen in zip(PARTS, rows, strict=True)}

    def _given(self, root: Path) -> tuple[list[str], dict[str, ImageFiles]]:
        if not (root / "test").is_dir():
            raise refuse(
                f"{root} has train but no test",
                "With a folder train there is one for test, too; val may be missing.",
                f"mkdir {root / 'test'} with the same classes; or root/CLASS/IMAGE without train, to be split",
            )
        names = _class_names(root / "train")
        parts = {}
        for part in PARTS:
            if (root / part).is_dir():
                if _class_names(root / part) != names:
                    raise refuse(
                        f"{root / part} has other classes than train: "
                        + ", ".join(sorted(set(_class_names(root / part)) ^ set(names))),
                        "All parts have the same class folders.",
                        "add or remove these folders",
                    )
                files = self._files(root / part, names)
                shuffled = np.random.Generator(np.random.PCG64(self.seed)).permutation(len(files))
                parts[part] = files.rows(shuffled)
        if "val" not in parts:
            targets = parts["train"].targets.numpy()
            train, val = stratified_split(targets, self.seed, (1 - FRACTIONS[1], FRACTIONS[1]))
            parts |= {"train": parts["train"].rows(train), "val": parts["train"].rows(val)}
        return names, parts

    def _files(self, folder: Path, names: list[str]) -> ImageFiles:
        paths, targets = [], []
        for index, name in enumerate(names):
            found = sorted(path for path in (folder / name).rglob("*") if path.suffix.lower() in EXTENSIONS)
            if not found:
                raise refuse(
                    f"{folder / name} holds no image",
                    f"Each class folder holds files ending in {' '.join(EXTENSIONS)}.",
                    "add images or remove the folder",
                )
            paths += found
            targets += [index] * len(found)
        return ImageFiles(paths, torch.tensor(targets), self.image_size)


def _class_names(folder: Path) -> list[str]:
    names = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if len(names) < 2:
        raise refuse(
            f"{folder} has {len(names)} class folder{'' if len(names) == 1 else 's'}",
            "Classification needs at least two classes, a folder each.",
            f"{folder}/CLASS/IMAGE",
        )
    return names
