"""Each set is read from small files in its own layout; the grey of an image says its class."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lossbook.data.images.reader import ImageReader
from lossbook.data.module import DataModule
from lossbook.data.source import PARTS
from lossbook.data.torchvision_files import TorchvisionFiles
from lossbook.data.torchvision_sets import IN_FILES
from lossbook.errors import UserError

STEP = 25  # of the grey from one class to the next
Counts = tuple[int, int, int]  # of the samples of each part
random = np.random.default_rng(0)


def draw(path: Path, label: int) -> None:
    """Write an image of any size, in one grey."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = random.integers(20, 40, 2)
    Image.new("RGB", (int(width), int(height)), (label * STEP,) * 3).save(path)


def flowers102(root: Path) -> Counts:
    from scipy.io import savemat

    folder = root / "flowers-102"
    for number in range(1, 31):
        draw(folder / "jpg" / f"image_{number:05d}.jpg", number % 3)
    savemat(folder / "imagelabels.mat", {"labels": np.arange(1, 31) % 3 + 1})
    savemat(folder / "setid.mat", {"trnid": range(1, 13), "valid": range(13, 19), "tstid": range(19, 31)})
    return 12, 6, 12


def pets(root: Path) -> Counts:
    folder = root / "oxford-iiit-pet"
    for part in ("trainval", "test"):
        lines = []
        for number in range(20):
            label = number % 2
            image = f"{('Abyssinian', 'great_dane')[label]}_{part}{number}"
            draw(folder / "images" / f"{image}.jpg", label)
            with Image.open(folder / "images" / f"{image}.jpg") as file:
                size = file.size
            mask = np.full(size[::-1], 2, np.uint8)
            mask[: size[1] // 2] = 1 + 2 * label  # pets of the second kind are all border
            (folder / "annotations" / "trimaps").mkdir(parents=True, exist_ok=True)
            Image.fromarray(mask).save(folder / "annotations" / "trimaps" / f"{image}.png")
            lines.append(f"{image} {label + 1} {label + 1} 1")
        (folder / "annotations" / f"{part}.txt").write_text("\n".join(lines) + "\n")
    return 17, 3, 20


def food101(root: Path) -> Counts:
    for part in ("train", "test"):
        names = {}
        for label, kind in enumerate(("cake", "soup")):
            names[kind] = [f"{kind}/{part}{number}" for number in range(10)]
            for name in names[kind]:
                draw(root / "food-101" / "images" / f"{name}.jpg", label)
        (root / "food-101" / "meta").mkdir(exist_ok=True)
        (root / "food-101" / "meta" / f"{part}.json").write_text(json.dumps(names))
    return 17, 3, 20


def eurosat(root: Path) -> Counts:
    for label, kind in enumerate(("Forest", "River")):
        for number in range(20):
            draw(root / "eurosat" / "2750" / kind / f"{kind}_{number}.jpg", label)
    return 28, 6, 6


def gtsrb(root: Path) -> Counts:
    folder = root / "gtsrb" / "GTSRB"
    rows = ["Filename;Width;ClassId"]
    for number in range(40):
        draw(folder / "Training" / f"{number % 2:05d}" / f"{number:05d}.ppm", number % 2)
        draw(folder / "Final_Test" / "Images" / f"{number:05d}.ppm", number % 2)
        rows.append(f"{number:05d}.ppm;30;{number % 2}")
    (root / "gtsrb" / "GT-final_test.csv").write_text("\n".join(rows) + "\n")
    return 34, 6, 40


def fgvc_aircraft(root: Path) -> Counts:
    data = root / "fgvc-aircraft-2013b" / "data"
    for number in range(30):
        draw(data / "images" / f"{number:07d}.jpg", number % 2)
    (data / "variants.txt").write_text("707-320\nA380 Big\n")
    for part, numbers in (("train", range(12)), ("val", range(12, 18)), ("test", range(18, 30))):
        lines = [f"{number:07d} {('707-320', 'A380 Big')[number % 2]}" for number in numbers]
        (data / f"images_variant_{part}.txt").write_text("\n".join(lines) + "\n")
    return 12, 6, 12


def dtd(root: Path) -> Counts:
    folder = root / "dtd" / "dtd"
    (folder / "labels").mkdir(parents=True)
    for part in ("train", "val", "test"):
        names = [f"{('banded', 'dotted')[number % 2]}/{part}_{number}.jpg" for number in range(10)]
        for number, name in enumerate(names):
            draw(folder / "images" / name, number % 2)
        (folder / "labels" / f"{part}1.txt").write_text("\n".join(names) + "\n")
    return 10, 10, 10


def caltech101(root: Path) -> Counts:
    folder = root / "caltech101" / "101_ObjectCategories"
    for label, kind in enumerate(("accordion", "ant")):
        for number in range(1, 21):
            draw(folder / kind / f"image_{number:04d}.jpg", label)
    draw(folder / "BACKGROUND_Google" / "image_0001.jpg", 9)
    return 28, 6, 6


def country211(root: Path) -> Counts:
    for part in ("train", "valid", "test"):
        for number in range(10):
            draw(root / "country211" / part / ("AD", "ZW")[number % 2] / f"{number}.jpg", number % 2)
    return 10, 10, 10


def imagenette(root: Path) -> Counts:
    for part in ("train", "val"):
        for number in range(20):
            draw(root / "imagenette2" / part / ("n01440764", "n02102040")[number % 2] / f"{number}.jpeg", number % 2)
    return 17, 3, 20


def imagenet(root: Path) -> Counts:
    for part in ("train", "val"):
        for number in range(20):
            draw(root / part / ("n01440764", "n02102040")[number % 2] / f"{number}.JPEG", number % 2)
    return 17, 3, 20


WRITERS: dict[str, tuple[Callable[[Path], Counts], tuple[str, ...]]] = {
    "caltech101": (caltech101, ("accordion", "ant")),
    "country211": (country211, ("AD", "ZW")),
    "dtd": (dtd, ("banded", "dotted")),
    "eurosat": (eurosat, ("Forest", "River")),
    "fgvc_aircraft": (fgvc_aircraft, ("707-320", "A380 Big")),
    "flowers102": (flowers102, ("pink primrose", "hard-leaved pocket orchid", "canterbury bells")),
    "food101": (food101, ("cake", "soup")),
    "gtsrb": (gtsrb, ("0", "1")),
    "imagenet": (imagenet, ("n01440764", "n02102040")),
    "imagenette": (imagenette, ("tench", "English springer")),
    "oxford_iiit_pet": (pets, ("Abyssinian", "Great Dane")),
}


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_a_set_is_read_from_its_files(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.datasets import Flowers102

    monkeypatch.setattr(Flowers102, "_check_integrity", lambda self: True)  # the real files' MD5 sums
    write, classes = WRITERS[name]
    counts = write(tmp_path)
    parts = TorchvisionFiles(name, str(tmp_path), image_size=[6, 8]).load()
    assert tuple(len(getattr(parts, part)) for part in PARTS) == counts
    assert parts.schema.class_names[: len(classes)] == classes
    assert parts.schema.input_shape == (3, 6, 8)
    assert parts.reader == ImageReader(3, (6, 8))
    for part in (getattr(parts, part) for part in PARTS):
        for place, label in enumerate(part.targets.tolist()):
            sample = part[place]
            assert sample["input"].dtype == torch.uint8
            assert int(sample["target"]) == label == round(float(sample["input"].double().mean()) / STEP)


def test_every_set_is_tested() -> None:
    assert {*WRITERS, "celeba", "oxford_iiit_pet_masks"} == set(IN_FILES)


def test_masks_of_pets_begin_at_zero(tmp_path: Path) -> None:
    pets(tmp_path)
    parts = TorchvisionFiles("oxford_iiit_pet_masks", str(tmp_path), image_size=8, resize="squash").load()
    assert parts.schema.class_names == ("pet", "background", "border")
    for place in range(len(parts.train)):
        sample = parts.train[place]
        upper = 2 * round(float(sample["input"].double().mean()) / STEP)
        assert sample["target"].tolist() == [[upper] * 8] * 4 + [[1] * 8] * 4
    batch = next(iter(DataModule(parts, 4).train_dataloader()))
    assert batch["target"].shape == (4, 8, 8)


def test_attributes_of_faces_are_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.datasets import CelebA

    monkeypatch.setattr(CelebA, "_check_integrity", lambda self: True)  # the real files' MD5 sums
    names = [f"{number:06d}.jpg" for number in range(1, 31)]
    labels = random.integers(0, 2, (30, 3))
    folder = tmp_path / "celeba"
    for name, row in zip(names, labels, strict=True):
        draw(folder / "img_align_celeba" / name, int(row @ [1, 2, 4]))
    attributes = [" ".join([name, *map(str, 2 * row - 1)]) for name, row in zip(names, labels, strict=True)]
    (folder / "list_attr_celeba.txt").write_text("\n".join(["30", "Bald Smiling Young ", *attributes]) + "\n")
    for file, width, head in (
        ("identity_CelebA.txt", 1, []),
        ("list_bbox_celeba.txt", 4, ["30", "a b c d"]),
        ("list_landmarks_align_celeba.txt", 4, ["30", "a b c d"]),
    ):
        rows = [" ".join([name, *["1"] * width]) for name in names]
        (folder / file).write_text("\n".join([*head, *rows]) + "\n")
    parts_of = [f"{name} {place // 12}" for place, name in enumerate(names)]
    (folder / "list_eval_partition.txt").write_text("\n".join(parts_of) + "\n")
    parts = TorchvisionFiles("celeba", str(tmp_path), image_size=4).load()
    assert [len(getattr(parts, name)) for name in PARTS] == [12, 12, 6]
    assert parts.schema.class_names == ("Bald", "Smiling", "Young")
    assert parts.schema.class_counts == tuple(labels[:12].sum(0))
    for place in range(6):
        sample = parts.test[place]
        assert int(sample["target"] @ torch.tensor([1, 2, 4])) == round(float(sample["input"].double().mean()) / STEP)


def test_what_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"(?s)holds no readable Food101.*data.download=true"):
        TorchvisionFiles("food101", str(tmp_path)).load()
    with pytest.raises(UserError, match=r"(?s)data.source.name=food11.*Fix: data.source.name=food101"):
        TorchvisionFiles("food11", str(tmp_path)).load()
    with pytest.raises(UserError, match="Its licence asks"):
        TorchvisionFiles("imagenet", str(tmp_path), download=True).load()
    with pytest.raises(UserError, match=r"(?s)data.variant=11.*DTD comes as 1, 2"):
        TorchvisionFiles("dtd", str(tmp_path), variant=11).load()
    food101(tmp_path)
    (tmp_path / "food-101" / "images" / "cake" / "test7.jpg").unlink()
    parts = TorchvisionFiles("food101", str(tmp_path)).load()
    with pytest.raises(UserError, match=r"test7.jpg is missing"):
        [parts.test[place] for place in range(20)]


def test_greys_among_colours_and_damaged_files(tmp_path: Path) -> None:
    eurosat(tmp_path)
    folder = tmp_path / "eurosat" / "2750" / "River"
    Image.new("L", (30, 20), STEP).save(folder / "River_3.jpg")
    parts = TorchvisionFiles("eurosat", str(tmp_path), image_size=4).load()
    assert all(parts.train[place]["input"].shape == (3, 4, 4) for place in range(28))
    (folder / "River_5.jpg").write_bytes((folder / "River_5.jpg").read_bytes()[:200])

    def read_all() -> None:
        for part in PARTS:
            for place in range(len(getattr(parts, part))):
                getattr(parts, part)[place]

    with pytest.raises(UserError, match=r"River_5.jpg.* cannot be read as an image"):
        read_all()


def test_the_seed_moves_the_validation_part(tmp_path: Path) -> None:
    gtsrb(tmp_path)
    first, again, other = (TorchvisionFiles("gtsrb", str(tmp_path), seed=seed).load() for seed in (0, 0, 1))
    assert first.val.rows.tolist() == again.val.rows.tolist() != other.val.rows.tolist()
