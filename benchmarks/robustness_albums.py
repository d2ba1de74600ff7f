"""Random folders of images that have changed since training: evaluated correctly, or refused."""

from __future__ import annotations

import contextlib
import io
import random
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import robustness_by_hand as by_hand
from PIL import Image
from robustness_cases import EITHER, REFUSED, TRAINED, Try

CLASSES = ("blue", "green", "red")
SIZE = 8
SHORT = ("trainer=cpu", "logger=none", "model=mlp", "model.hidden=[8]", "model.dropout=0", "trainer.max_epochs=3")
Change = Callable[[Path, random.Random, Path], "dict[str, str] | None"]  # folder, draw, the first folder


def paint(folder: Path, names: Sequence[str], count: int, seed: int) -> None:
    """Write square images of noise, each class in its own colour."""
    noise = np.random.Generator(np.random.PCG64(seed))
    for name in names:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            pixels = noise.integers(0, 150, (12, 12, 3), dtype=np.uint8)
            pixels[..., 2 - CLASSES.index(name) if name in CLASSES else 0] += 60
            Image.fromarray(pixels).save(folder / name / f"{seed}_{number}.png")


def _files(root: Path) -> list[Path]:
    """Return all images in the order in which they are read."""
    return sorted(root.rglob("*.png"), key=lambda path: path.relative_to(root).parts)


def _removed(share: float) -> Change:
    def change(root: Path, r: random.Random, first: Path) -> None:
        files = _files(root)
        for path in r.sample(files, max(1, int(len(files) * share))):
            path.unlink()

    return change


def _known(first: Path) -> dict[bytes, str]:
    """Return the part of each image that the checkpoint knows, by its content."""
    files = _files(first)
    _, places = by_hand.weights(first.parent / "run/checkpoints/best.ckpt")
    return {files[place].read_bytes(): part for part, members in places.items() for place in members}


def _only(*parts: str) -> Change:
    def change(root: Path, r: random.Random, first: Path) -> None:
        known = _known(first)
        for path in _files(root):
            if known.get(path.read_bytes()) not in parts:
                path.unlink()
        for folder in root.iterdir():
            if not any(folder.iterdir()):
                folder.rmdir()

    return change


def _renamed(root: Path, r: random.Random, first: Path) -> None:
    for number, path in enumerate(r.sample(_files(root), len(_files(root)))):
        path.rename(path.with_name(f"x{number}.png"))


def _copied(root: Path, r: random.Random, first: Path) -> None:
    for path in r.sample(_files(root), 20):
        shutil.copy(path, path.with_name(f"copy {path.name}"))


def _into_another_class(root: Path, r: random.Random, first: Path) -> None:
    for number, path in enumerate(r.sample(_files(root), 6)):
        path.rename(root / r.choice(CLASSES) / f"moved{number}.png")


def _class(new: str | None) -> Change:
    """Rename or remove a class."""

    def change(root: Path, r: random.Random, first: Path) -> None:
        folder = r.choice(sorted(root.iterdir()))
        if new is None:
            shutil.rmtree(folder)
        else:
            folder.rename(root / new.format(folder.name, folder.name.upper()))

    return change


def _swapped(root: Path, r: random.Random, first: Path) -> None:
    for old, new in (("red", "x"), ("blue", "red"), ("x", "blue")):
        (root / old).rename(root / new)


def _in_parts(names: Sequence[str], shares: Sequence[float]) -> Change:
    def change(root: Path, r: random.Random, first: Path) -> None:
        classes = sorted(root.iterdir())
        for folder in classes:
            files, start = sorted(folder.iterdir()), 0
            for name, share in zip(names, shares, strict=True):
                stop = start + round(share * len(files))
                (root / name / folder.name).mkdir(parents=True)
                for path in files[start:stop]:
                    path.rename(root / name / folder.name / path.name)
                start = stop
        for folder in classes:
            shutil.rmtree(folder)

    return change


def _split(root: Path, r: random.Random, first: Path) -> dict[str, str]:
    rows = [f"{path.relative_to(root)},{PARTS[place % 3]}" for place, path in enumerate(_files(root))]
    (root.parent / "split.csv").write_text("\n".join(["name,part", *rows]))
    return {"data.split": str(root.parent / "split.csv")}


def _written_again(root: Path, r: random.Random, first: Path) -> None:
    """Write the same pixels with other bytes."""
    for path in _files(root):
        stream = io.BytesIO()
        Image.open(path).save(stream, "PNG", compress_level=1)
        path.write_bytes(stream.getvalue() + b"more")


def _nested(root: Path, r: random.Random, first: Path) -> None:
    for path in _files(root)[::2]:
        (path.parent / "more").mkdir(exist_ok=True)
        path.rename(path.parent / "more" / path.name)


def _instead(names: Sequence[str], count: int) -> Change:
    def change(root: Path, r: random.Random, first: Path) -> None:
        shutil.rmtree(root)
        paint(root, names, count, 8)

    return change


def _option(key: str, value: str) -> Change:
    return lambda root, r, first: {key: value}


PARTS = ("train", "val", "test")
CHANGES: dict[str, tuple[Change, tuple[str, ...]]] = {
    "nothing": (lambda root, r, first: None, TRAINED),
    "images removed": (_removed(0.1), TRAINED),
    "most images removed": (_removed(0.9), EITHER),
    "images added": (lambda root, r, first: paint(root, CLASSES, r.choice((1, 5, 30)), 7), TRAINED),
    "images added to a class": (lambda root, r, first: paint(root, CLASSES[:1], 5, 7), TRAINED),
    "images of new classes": (lambda root, r, first: paint(root, ("pink", "grey"), 5, 7), REFUSED),
    "other images": (_instead(CLASSES, 6), TRAINED),
    "other images of a class": (_instead(CLASSES[1:2], 6), TRAINED),
    "one other image": (_instead(CLASSES[:1], 1), TRAINED),
    "files renamed": (_renamed, TRAINED),
    "files copied": (_copied, TRAINED),
    "files in another class": (_into_another_class, TRAINED),
    "files written again": (_written_again, TRAINED),
    "files nested": (_nested, TRAINED),
    "class removed": (_class(None), TRAINED),
    "class renamed": (_class("rose"), REFUSED),
    "class in upper case": (_class("{1}"), REFUSED),
    "classes swapped": (_swapped, TRAINED),
    "only training images": (_only("train"), REFUSED),
    "only test images": (_only("test"), TRAINED),
    "only validation and test images": (_only("val", "test"), TRAINED),
    "no images": (_only(), REFUSED),
    "parts": (_in_parts(PARTS, (0.6, 0.2, 0.2)), TRAINED),
    "parts of other names": (_in_parts(("Training", "DEV", "Test"), (0.6, 0.2, 0.2)), TRAINED),
    "test alone": (_in_parts(("testing",), (1,)), TRAINED),
    "train alone": (_in_parts(("train",), (1,)), REFUSED),
    "a table of parts": (_split, TRAINED),
    "data.image_size=16": (_option("data.image_size", "16"), REFUSED),
    "data.seed=1": (_option("data.seed", "1"), EITHER),
    "data.batch_size=all": (_option("data.batch_size", "all"), TRAINED),
    "data.batch_size=1": (_option("data.batch_size", "1"), EITHER),
    "data.num_workers=1": (_option("data.num_workers", "1"), TRAINED),
    "data.grey_bits=12": (_option("data.grey_bits", "12"), EITHER),
    "data.normalise": (_option("data.normalise", "[[0,0,0],[1,1,1]]"), EITHER),
    "data.root missing": (lambda root, r, first: shutil.rmtree(root), REFUSED),
    "data=csv": (_option("data", "csv"), REFUSED),
}  # fmt: skip


def of_images(r: random.Random, trained: Path, where: Path, resumed: bool) -> Try:
    """Draw a case: a checkpoint of images on changed images.

    Args:
        r: random numbers.
        trained: folder of the checkpoint, which is trained if it does not exist.
        where: folder of the case.
        resumed: whether the checkpoint is trained for another epoch instead of evaluated.
    """
    import lossbook

    first = trained / "first"
    if not first.is_dir():
        paint(first, CLASSES, 20, 0)
        data = ["data=image_folder", f"data.root={first}", f"data.image_size={SIZE}"]
        with contextlib.redirect_stdout(sys.stderr):
            lossbook.train(lossbook.compose(*data, *SHORT), trained / "run")
    root, names = where / "album", [r.choice(list(CHANGES))]
    where.mkdir(parents=True)
    shutil.copytree(first, root)
    allowed = CHANGES[names[0]][1]
    if r.random() < 1 / 3:
        names.append(r.choice(list(CHANGES)))
        allowed = EITHER
    options: dict[str, str] = {"data.root": str(root)}
    for name in names:
        with suppress(OSError, ValueError, IndexError):
            options |= CHANGES[name][0](root, r, first) or {}
    given = [f"ckpt={trained}/run/checkpoints/{'last' if resumed else 'best'}.ckpt"]
    given += [f"{key}={value}" for key, value in options.items()]
    if resumed:
        given.append("trainer.max_epochs=4")
        allowed = EITHER if allowed == TRAINED else allowed
    script, run = ("train", _resumed) if resumed else ("evaluate", _evaluated)
    return Try(f"images, {' + '.join(names)}", script, given, allowed, lambda: run(root, first, given, options))


def _evaluated(root: Path, first: Path, given: Sequence[str], options: dict[str, str]) -> None:
    import lossbook

    found = lossbook.evaluate(lossbook.compose(*given))
    files, known = _files(root), _known(first)
    if "data.split" in options:
        rows = (Path(options["data.split"])).read_text().splitlines()[1:]
        scored = [root / name for name, _, part in (row.rpartition(",") for row in rows) if part == "test"]
    elif tests := [folder for folder in root.iterdir() if folder.name.lower() in ("test", "testing")]:
        scored = _files(tests[0])
    else:
        scored = [path for path in files if known.get(path.read_bytes()) not in ("train", "val")]
    by_hand.require_equal(found, _expected(root, scored, first.parent / "run/checkpoints/best.ckpt"))


def _resumed(root: Path, first: Path, given: Sequence[str], options: dict[str, str]) -> None:
    import lossbook

    found = lossbook.train(lossbook.compose(*given), "run")
    ckpt = Path("run/checkpoints/best.ckpt")
    _, places = by_hand.weights(ckpt)
    files = _files(root)
    if any(folder.name.lower() in ("test", "testing") for folder in root.iterdir()):
        order = [("train", "training"), ("val", "dev"), ("test", "testing")]
        files = [path for names in order for path in files if path.relative_to(root).parts[0].lower() in names]
    elif "data.split" not in options:
        known = _known(first)
        contents = [path.read_bytes() for path in files]
        for part, members in places.items():
            moved = [place for place in members if known.get(contents[place], part) != part]
            if len(set(contents)) == len(contents) and moved:
                raise AssertionError(f"{len(moved)} images have moved into {part}")
    by_hand.require_equal(found, _expected(root, [files[place] for place in places["test"]], ckpt))


def _expected(root: Path, paths: Sequence[Path], ckpt: Path) -> dict[str, float]:
    labels = [next(name for name in path.relative_to(root).parts if name in CLASSES) for path in paths]
    tensors, _ = by_hand.weights(ckpt)
    return by_hand.of_classes(by_hand.outputs(tensors, by_hand.pixels(paths, SIZE)), labels, CLASSES)
