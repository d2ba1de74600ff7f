"""Random broken and unusual folders of images, and the allowed results."""

from __future__ import annotations

import io
import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from robustness_cases import EITHER, REFUSED, TRAINED, Case, cases
from robustness_truth import check_album

LONGEST = 255  # bytes of a name


@dataclass
class Album:
    """A folder of images: valid at first, then changed by faults.

    Args:
        root: of the data.
        parts: whether the class folders are inside folders of parts.
        options: further overrides, by key.
        split: file -> part, as the table of parts has it; None without one.
    """

    root: Path
    parts: bool = False
    options: dict[str, str] = field(default_factory=dict)
    split: dict[str, str] | None = None

    @property
    def tops(self) -> list[Path]:
        """The folders that hold class folders."""
        return sorted(self.root.iterdir()) if self.parts else [self.root]

    @property
    def classes(self) -> list[Path]:
        """All class folders."""
        return [folder for top in self.tops for folder in sorted(top.iterdir()) if folder.is_dir()]

    def files(self) -> list[Path]:
        """Return all original images that are still there."""
        return sorted(self.root.rglob("i*.png"))

    def some(self, r: random.Random) -> list[Path]:
        """Return one image, several, or all."""
        files = self.files()
        return r.sample(files, min(r.choice((1, 1, 3, len(files))), len(files)))


Fault = Callable[[Album, random.Random], object]


def album(r: random.Random, root: Path, parts: bool) -> Album:
    """Draw a valid album of two to four classes and 5 to 12 images per class (and part)."""
    names = r.sample(["cat", "dog", "1", "10", "2", "über", "a b", "日本"], r.randint(2, 4))
    count = r.randint(5, 12)
    for part in ("train", "val", "test") if parts else ("",):
        for name in names:
            (root / part / name).mkdir(parents=True)
            for number in range(count):
                (root / part / name / f"i{number}.png").write_bytes(_picture(r))
    return Album(root, parts)


def _picture(
    r: random.Random, mode: str = "RGB", size: tuple[int, int] | None = None, form: str = "PNG", **how: object
) -> bytes:
    """Return the bytes of an image of noise."""
    width, height = size or (r.randint(8, 24), r.randint(8, 24))
    noise = np.frombuffer(r.randbytes(width * height * 4), np.uint8).reshape(height, width, 4)
    if mode == "I;16":
        image = Image.fromarray(np.ascontiguousarray(noise[..., :2]).view("<u2")[..., 0])
    elif mode == "F":
        image = Image.fromarray(noise[..., 0].astype(np.float32))
    elif mode in ("1", "P"):
        image = Image.fromarray(noise[..., :3]).convert(mode)
    else:
        bands = len(Image.new(mode, (1, 1)).getbands())
        pixels = np.ascontiguousarray(noise[..., :bands])
        image = Image.frombytes(mode, (width, height), pixels.tobytes())
    stream = io.BytesIO()
    image.save(stream, form, **how)
    return stream.getvalue()


def _drawn(mode: str = "RGB", form: str = "PNG", size: tuple[int, int] | None = None, **how: object) -> Fault:
    """Replace some images by ones of another kind and extension."""

    def spoil(a: Album, r: random.Random) -> None:
        for path in a.some(r):
            path.unlink()
            path.with_suffix(f".{form.lower()}").write_bytes(_picture(r, mode, size, form, **how))

    return spoil


def _content(change: Callable[[bytes, random.Random], bytes]) -> Fault:
    def spoil(a: Album, r: random.Random) -> None:
        for path in a.some(r):
            path.write_bytes(change(path.read_bytes(), r))

    return spoil


def _replaced(make: Callable[[Path, Album], object]) -> Fault:
    """Replace an image by something else of the same name."""

    def spoil(a: Album, r: random.Random) -> None:
        path = r.choice(a.files())
        path.unlink()
        make(path, a)

    return spoil


def _beside(make: Callable[[Path, random.Random], object]) -> Fault:
    """Add something else to a class folder."""
    return lambda a, r: make(r.choice(a.classes), r)


def _at_top(make: Callable[[Path, random.Random], object]) -> Fault:
    """Add something else beside the class folders."""
    return lambda a, r: make(r.choice(a.tops), r)


def _file(name: str, content: bytes = b"x") -> Callable[[Path, random.Random], object]:
    return lambda folder, r: (folder / name).write_bytes(content)


def _image(name: str) -> Callable[[Path, random.Random], object]:
    def make(folder: Path, r: random.Random) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(_picture(r))

    return make


def _renamed(name: Callable[[int], str]) -> Fault:
    def spoil(a: Album, r: random.Random) -> None:
        for number, path in enumerate(a.some(r)):
            path.rename(path.with_name(name(number)))

    return spoil


def _class_renamed(*names: str) -> Fault:
    """Rename a class in all parts."""

    def spoil(a: Album, r: random.Random) -> None:
        old, new = r.choice(a.classes).name, r.choice(names)
        for top in a.tops:
            (top / old).rename(top / new)

    return spoil


def _parts_renamed(**names: str) -> Fault:
    def spoil(a: Album, r: random.Random) -> None:
        for old, new in names.items():
            if new:
                (a.root / old).rename(a.root / new)
            else:
                shutil.rmtree(a.root / old)

    return spoil


def _part_added(name: str, of: str) -> Fault:
    return lambda a, r: shutil.copytree(a.root / of, a.root / name)


def _class_emptied(a: Album, r: random.Random) -> None:
    folder = r.choice(a.classes)
    shutil.rmtree(folder)
    folder.mkdir()


def _class_removed(a: Album, r: random.Random) -> None:
    shutil.rmtree(r.choice(a.classes))


def _one_class(a: Album, r: random.Random) -> None:
    keep = a.classes[0].name
    for folder in a.classes:
        if folder.name != keep:
            shutil.rmtree(folder)


def _one_image(a: Album, r: random.Random) -> None:
    for folder in a.classes:
        for path in sorted(folder.iterdir())[1:]:
            path.unlink()


def _many_classes(a: Album, r: random.Random) -> None:
    for top in a.tops:
        for number in range(100):
            _image(f"c{number:02d}/i0.png")(top, r)


def _two_links(a: Album, r: random.Random) -> None:
    """Link a file into another class."""
    first, second, *_ = a.classes
    (second / "again.png").symlink_to(next(first.iterdir()))


def _copies(across: str) -> Fault:
    def spoil(a: Album, r: random.Random) -> None:
        folders = a.classes
        source = folders[0] / "i0.png"
        for folder in folders[1:] if across == "classes" else folders[:1]:
            (folder / "copy.png").write_bytes(source.read_bytes())
        if across == "parts":
            for top in a.tops:
                (top / folders[0].name / "copy.png").write_bytes(source.read_bytes())

    return spoil


def _nothing(a: Album, r: random.Random) -> None:
    shutil.rmtree(a.root)
    a.root.mkdir()


def _flat(a: Album, r: random.Random) -> None:
    """Move all images into one folder."""
    for number, path in enumerate(a.files()):
        path.rename(a.root / f"i{number}.png")
    for folder in [path for path in a.root.iterdir() if path.is_dir()]:
        shutil.rmtree(folder)


def _inside_out(a: Album, r: random.Random) -> None:
    """Put the parts inside the classes."""
    for folder in a.classes:
        for number, path in enumerate(sorted(folder.iterdir())):
            (folder / ("train", "test")[number % 2]).mkdir(exist_ok=True)
            path.rename(folder / ("train", "test")[number % 2] / path.name)


def _deeper(a: Album, r: random.Random) -> None:
    for folder in a.classes:
        for number, path in enumerate(sorted(folder.iterdir())):
            place = folder / "more" / f"deep{number % 2}"
            place.mkdir(parents=True, exist_ok=True)
            path.rename(place / path.name)


def _moved_out(a: Album, r: random.Random) -> None:
    """Replace a class folder by a link to a folder elsewhere."""
    folder = r.choice(a.classes)
    elsewhere = a.root.parent / f"elsewhere{len(a.root.parts)}"
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere)


def _part_linked(a: Album, r: random.Random) -> None:
    shutil.rmtree(a.root / "val")
    (a.root / "val").symlink_to(a.root / "test")


def _texts(folder: Path) -> None:
    folder.mkdir()
    (folder / "x.txt").write_text("x")


def _unreadable(a: Album, r: random.Random) -> None:
    r.choice([*a.files(), *a.classes]).chmod(0)


def _option(key: str, value: str) -> Fault:
    return lambda a, r: a.options.update({key: value})


Change = Callable[[list[list[str]], random.Random], object]


def _split(
    change: Change | None = None, header: str = "name,part", mark: str = ",", encode: str = "utf-8", short: bool = False
) -> Fault:
    """Add a table of parts, changed by ``change``."""

    def spoil(a: Album, r: random.Random) -> None:
        rows = [[str(path.relative_to(a.root)), ("train", "val", "test")[r.randrange(3)]] for path in a.files()]
        for row, part in zip(rows, ("train", "val", "test", "train"), strict=False):
            row[1] = part  # no part is empty
        if short:
            for number, (row, path) in enumerate(zip(rows, a.files(), strict=True)):
                path.rename(path.with_name(f"i{number}_.png"))
                row[0] = f"i{number}_.png"
        if change is not None:
            change(rows, r)
        a.split = {row[0].replace("\\", "/").removeprefix("./"): row[1].lower() for row in rows if len(row) > 1}
        lines = [header.replace(",", mark), *(mark.join(row) for row in rows)]
        table = a.root.parent / f"{a.root.name}.csv"
        table.write_bytes(("\n".join(lines) + "\n").encode(encode))
        a.options["data.split"] = f"'{table}'"

    return spoil


def _cells(place: int, value: str, all_rows: bool = False) -> Change:
    def change(rows: list[list[str]], r: random.Random) -> None:
        for row in rows if all_rows else [r.choice(rows)]:
            row[place] = value

    return change


def _names(form: str, mark: str) -> Change:
    def change(rows: list[list[str]], r: random.Random) -> None:
        for row in rows:
            row[0] = form.format(row[0].replace("/", mark))

    return change


def _none_in(part: str) -> Change:
    def change(rows: list[list[str]], r: random.Random) -> None:
        for row in rows:
            row[1] = "train" if row[1] == part and part != "train" else "val" if row[1] == part else row[1]

    return change


def _loop(path: Path, a: Album) -> None:
    path.symlink_to(path)


AS_ROOT = os.geteuid() == 0  # root may read everything
ANY, WHOLE, PARTS = (False, True), (False,), (True,)
FAULTS: dict[str, tuple[Fault, tuple[str, ...], tuple[bool, ...]]] = {
    # kind -> what it does, the allowed results, and whether it applies to albums with parts
    "sound": (lambda a, r: None, TRAINED, ANY),
    # files
    "truncated": (_content(lambda data, r: data[: r.randrange(1, len(data) - 13)]), REFUSED, ANY),
    "truncated by little": (_content(lambda data, r: data[:-6]), EITHER, ANY),
    "bytes added": (_content(lambda data, r: data + b"more"), TRAINED, ANY),
    "bit flipped": (_content(lambda data, r: _flip(data, r)), EITHER, ANY),
    "no bytes": (_content(lambda data, r: b""), REFUSED, ANY),
    "zero bytes": (_content(lambda data, r: bytes(len(data))), REFUSED, ANY),
    "garbage": (_content(lambda data, r: r.randbytes(r.randint(1, 400))), REFUSED, ANY),
    "text called .png": (_content(lambda data, r: b"not an image\n"), REFUSED, ANY),
    "SVG called .png": (_content(lambda data, r: b"<svg xmlns='http://www.w3.org/2000/svg'/>"), REFUSED, ANY),
    "EPS called .png": (_content(lambda data, r: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"), REFUSED, ANY),
    "header alone": (_content(lambda data, r: data[:8]), REFUSED, ANY),
    "size of a billion": (_content(lambda data, r: _sized(data, 60_000, 60_000)), REFUSED, ANY),
    "size of nothing": (_content(lambda data, r: _sized(data, 0, 9)), REFUSED, ANY),
    "JPEG called .png": (_content(lambda data, r: _picture(r, form="JPEG")), TRAINED, ANY),
    "GIF": (_drawn("P", "GIF"), TRAINED, ANY),
    "GIF animated": (
        _drawn("RGB", "GIF", save_all=True, append_images=[Image.new("RGB", (8, 8), "red")]), TRAINED, ANY
    ),
    "WEBP animated": (
        _drawn("RGB", "WEBP", (8, 8), save_all=True, append_images=[Image.new("RGB", (8, 8), "red")], lossless=True),
        TRAINED,
        ANY,
    ),
    "PNG animated": (
        _drawn("RGB", "PNG", (8, 8), save_all=True, append_images=[Image.new("RGB", (8, 8), "red")]), TRAINED, ANY
    ),
    "GIF cut": (_content(lambda data, r: _picture(r, "P", form="GIF")[:-9]), REFUSED, ANY),
    "16-bit grey": (_drawn("I;16"), TRAINED, ANY),
    "16-bit grey TIFF": (_drawn("I;16", "TIFF"), TRAINED, ANY),
    "16-bit colour": (_content(lambda data, r: _deep_colours(r)), TRAINED, ANY),
    "12-bit grey in 16": (_content(lambda data, r: _dark(r)), EITHER, ANY),
    "32-bit": (_drawn("F", "TIFF"), REFUSED, ANY),
    "1 bit": (_drawn("1"), TRAINED, ANY),
    "grey": (_drawn("L"), TRAINED, ANY),
    "grey with transparency": (_drawn("LA"), TRAINED, ANY),
    "grey with a clear level": (_drawn("L", transparency=7), TRAINED, ANY),
    "palette": (_drawn("P"), TRAINED, ANY),
    "palette with a clear colour": (_drawn("P", transparency=0), TRAINED, ANY),
    "palette with many": (_drawn("P", transparency=bytes(range(200))), TRAINED, ANY),
    "RGBA": (_drawn("RGBA"), TRAINED, ANY),
    "RGB with a clear colour": (_drawn("RGB", transparency=(1, 2, 3)), TRAINED, ANY),
    "CMYK": (_drawn("CMYK", "JPEG"), TRAINED, ANY),
    "CMYK TIFF": (_drawn("CMYK", "TIFF"), TRAINED, ANY),
    "LAB TIFF": (_drawn("LAB", "TIFF"), TRAINED, ANY),
    "YCbCr": (_drawn("YCbCr", "JPEG"), TRAINED, ANY),
    "BMP, PPM, TIFF, WEBP": (lambda a, r: _drawn("RGB", r.choice(("BMP", "PPM", "TIFF", "WEBP")))(a, r), TRAINED, ANY),
    **{
        f"EXIF rotation {turn}": (lambda a, r, turn=turn: _drawn("RGB", "JPEG", exif=_exif(turn))(a, r), TRAINED, ANY)
        for turn in range(10)
    },
    "EXIF damaged": (_drawn("RGB", "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f"), TRAINED, ANY),
    "1 x 1": (_drawn(size=(1, 1)), TRAINED, ANY),
    "10000 x 1": (_drawn(size=(10_000, 1)), TRAINED, ANY),
    "1 x 10000": (_drawn(size=(1, 10_000)), TRAINED, ANY),
    "10000 x 1 as JPEG": (_drawn(form="JPEG", size=(10_000, 1)), TRAINED, ANY),
    # things in place of a file
    "loop of links": (_replaced(_loop), EITHER, ANY),
    "link to a file": (_replaced(lambda path, a: path.symlink_to(a.files()[0])), EITHER, ANY),
    "broken link": (_replaced(lambda path, a: path.symlink_to("nothing")), REFUSED, ANY),
    "broken link of no kind": (_beside(lambda f, r: (f / "x").symlink_to("nothing")), TRAINED, ANY),
    "pipe": (_replaced(lambda path, a: os.mkfifo(path)), REFUSED, ANY),
    "device": (_replaced(lambda path, a: path.symlink_to("/dev/zero")), REFUSED, ANY),
    "folder called x.png": (_replaced(lambda path, a: path.mkdir()), TRAINED, ANY),
    "unreadable": (_unreadable, TRAINED if AS_ROOT else REFUSED, ANY),
    # names
    "extension in upper case": (_renamed(lambda n: f"i{n}_.PNG"), TRAINED, ANY),
    "extension missing": (_renamed(lambda n: f"i{n}_"), EITHER, ANY),
    "extension .jfif": (_renamed(lambda n: f"i{n}_.jfif"), TRAINED, ANY),
    "extension .heic": (_renamed(lambda n: f"i{n}_.heic"), EITHER, ANY),
    "name in another script": (_renamed(lambda n: f"{n}фото図.png"), TRAINED, ANY),
    "name of the most letters": (_renamed(lambda n: f"{n:03d}".ljust(LONGEST - 4, "x") + ".png"), TRAINED, ANY),
    "name with blanks and brackets": (_renamed(lambda n: f" [b] (x) {n} =$'\"; .png"), TRAINED, ANY),
    "name with an end of line": (_renamed(lambda n: f"a\nb{n}.png"), TRAINED, ANY),
    "name that is not UTF-8": (_renamed(lambda n: os.fsdecode(b"\xff%d.png" % n)), EITHER, ANY),
    "class in another script": (_class_renamed("кот", "ねこ", "كلب"), TRAINED, ANY),
    "class with marks": (_class_renamed("[/b]", "a,b", "a=b", "'", "{x}", "-x", "#", "x.png"), TRAINED, ANY),
    "class of the most letters": (_class_renamed("x" * LONGEST), TRAINED, ANY),
    "class with an end of line": (_class_renamed("a\nb"), REFUSED, ANY),
    "class not in UTF-8": (_class_renamed(os.fsdecode(b"\xffx")), REFUSED, ANY),
    "class called nan": (_class_renamed("nan", "null", "None", "true"), TRAINED, ANY),
    "class called as a part": (_class_renamed("train", "Test", "dev"), EITHER, ANY),
    "class and its upper case": (lambda a, r: _twin(a, r), EITHER, ANY),
    # classes
    "class without images": (_class_emptied, REFUSED, WHOLE),
    "class without files of images": (lambda a, r: [_class_emptied(a, r), _empty_with(a)], REFUSED, WHOLE),
    "class without images in a part": (_class_emptied, TRAINED, PARTS),
    "class removed in a part": (_class_removed, EITHER, PARTS),
    "class in one part alone": (_at_top(_image("own/i0.png")), EITHER, PARTS),
    "one class": (_one_class, REFUSED, ANY),
    "one image a class": (_one_image, EITHER, ANY),
    "a hundred classes of one image": (_many_classes, EITHER, ANY),
    "class linked from elsewhere": (_moved_out, TRAINED, ANY),
    "folder linked into itself": (_beside(lambda f, r: (f / "loop").symlink_to(f)), TRAINED, ANY),
    "folder linked to the root": (_beside(lambda f, r: (f / "up").symlink_to(f.parent)), EITHER, ANY),
    "file linked into two classes": (_two_links, REFUSED, ANY),
    "file linked twice into a class": (_beside(lambda f, r: (f / "x.png").symlink_to(f / "i0.png")), TRAINED, ANY),
    "copies in a class": (_copies("class"), TRAINED, ANY),
    "copies across classes": (_copies("classes"), EITHER, ANY),
    "copies across parts": (_copies("parts"), TRAINED, PARTS),
    "nested": (_deeper, TRAINED, ANY),
    # what is skipped
    "hidden file": (_beside(_file("._i0.png")), TRAINED, ANY),
    "hidden folder": (_beside(_image(".ipynb_checkpoints/i0.png")), TRAINED, ANY),
    "hidden folder on top": (_at_top(_image(".git/i0.png")), TRAINED, ANY),
    "Thumbs.db": (_beside(_file("Thumbs.db")), TRAINED, ANY),
    "text beside images": (_beside(_file("readme.txt")), TRAINED, ANY),
    "files beside classes": (_at_top(_file("labels.csv")), TRAINED, ANY),
    "images beside classes": (_at_top(_image("loose.png")), EITHER, ANY),
    "empty folder inside": (_beside(lambda f, r: (f / "empty").mkdir()), TRAINED, ANY),
    "folder of texts beside parts": (lambda a, r: _texts(a.root / "doc"), TRAINED, PARTS),
    "folder of images beside parts": (lambda a, r: _image("more/i0.png")(a.root, r), REFUSED, PARTS),
    # parts
    **{
        f"parts {names['train']}, {names['val']}, {names['test']}": (_parts_renamed(**names), TRAINED, PARTS)
        for names in (
            {"train": "Train", "val": "Val", "test": "Test"}, {"train": "TRAIN", "val": "VALID", "test": "TEST"},
            {"train": "training", "val": "validation", "test": "testing"},
            {"train": "tRain", "val": "Dev", "test": "tesT"},
        )
    },
    "part missing: val": (_parts_renamed(val=""), TRAINED, PARTS),
    "part missing: test": (_parts_renamed(test=""), REFUSED, PARTS),
    "part missing: train": (_parts_renamed(train=""), REFUSED, PARTS),
    "part of an unknown name": (_parts_renamed(val="holdout"), REFUSED, PARTS),
    "two folders for a part": (_part_added("Valid", "val"), REFUSED, PARTS),
    "two cases of a part": (_part_added("Train", "train"), REFUSED, PARTS),
    "part linked": (_part_linked, TRAINED, PARTS),
    "part empty": (lambda a, r: [shutil.rmtree(a.root / "val"), (a.root / "val").mkdir()], REFUSED, PARTS),
    "parts inside classes": (_inside_out, REFUSED, WHOLE),
    "empty folder": (_nothing, REFUSED, ANY),
    "flat": (_flat, REFUSED, ANY),
    # tables of parts
    "split": (_split(), TRAINED, WHOLE),
    "split by file names": (_split(short=True), TRAINED, WHOLE),
    "split with semicolons": (_split(mark=";"), TRAINED, WHOLE),
    "split with tabs": (_split(mark="\t"), TRAINED, WHOLE),
    "split with a BOM": (_split(encode="utf-8-sig"), TRAINED, WHOLE),
    "split in UTF-16": (_split(encode="utf-16"), REFUSED, WHOLE),
    "split of other names": (_split(header="File,SET"), TRAINED, WHOLE),
    "split without a header": (_split(header="x.png,train"), REFUSED, WHOLE),
    "split with a third column": (_split(header="name,part,more"), TRAINED, WHOLE),
    "split with two columns of parts": (_split(header="part,split"), REFUSED, WHOLE),
    "split by row": (_split(header="row,part"), EITHER, WHOLE),
    "split with a part unknown": (_split(_cells(1, "holdout")), REFUSED, WHOLE),
    "split with a part empty": (_split(_cells(1, "")), REFUSED, WHOLE),
    "split in upper case": (_split(_cells(1, "TRAIN")), EITHER, WHOLE),
    "split with a name unknown": (_split(_cells(0, "cat/none.png")), REFUSED, WHOLE),
    "split with a name doubled": (_split(lambda rows, r: rows.append(list(rows[0]))), REFUSED, WHOLE),
    "split with a name missing": (_split(lambda rows, r: rows.pop()), REFUSED, WHOLE),
    "split without rows": (_split(lambda rows, r: rows.clear()), REFUSED, WHOLE),
    "split without val": (_split(_none_in("val")), TRAINED, WHOLE),
    "split without test": (_split(_none_in("test")), REFUSED, WHOLE),
    "split without train": (_split(_none_in("train")), REFUSED, WHOLE),
    "split with ./": (_split(_names("./{}", "/")), TRAINED, WHOLE),
    "split with backslashes": (_split(_names("{}", "\\")), TRAINED, WHOLE),
    "split with short lines": (_split(lambda rows, r: rows.append(["x"])), REFUSED, WHOLE),
    "split with an open quote": (_split(lambda rows, r: rows.insert(1, ['"x', "train"])), REFUSED, WHOLE),
    "split with NUL": (_split(_cells(0, "\0")), REFUSED, WHOLE),
    "split with parts there": (_split(), REFUSED, PARTS),
    # options
    **{
        f"{key}={value}": (_option(key, value), REFUSED, ANY)
        for key, values in {
            "data.split": ("1", "''", "[a]", "/dev/zero", "/", "nowhere.csv", "true"),
            "data.image_size": ("0", "-1", "8.5", "null", "true", "1e9", "[8]", "[8,0]", "'8'"),
            "data.grey_bits": ("7", "17", "12", "true", "'16'", "null,"),
            "data.root": ("null", "''", "1", "[a]", "/dev/null", "nowhere"),
            "data.source.normalise": ("null", "[[0,0,0],[1,1,1]]"),  # data.normalise sets it
            "data.normalise": ("null", "1", "x", "[[0,0,0],[0,0,0]]", "[[0],[1]]", "[[a,b,c],[1,1,1]]", "[]"),
            "data.target": ("value", "mask", "null"),
            "data.num_workers": ("-1", "a", "1.5"),
            "data.positive_class": ("unicorn", "[a]"),
        }.items()
        for value in values
    },
    **{
        f"{key}={value}": (_option(key, value), TRAINED, ANY)
        for key, value in (
            ("data.image_size", "1"), ("data.image_size", "40"), ("data.batch_size", "1000"), ("data.limit", "3"),
            ("data.seed", "7"), ("data.normalise", "[[0,0,0],[1,1,1]]"), ("data.normalise", "none"),
            ("data.normalise", "measured"), ("data.image_size", "[8,8]"), ("data.image_size", "[8,13]"),
        )
    },
}  # fmt: skip


def _flip(data: bytes, r: random.Random) -> bytes:
    place = r.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << r.randrange(8)]) + data[place + 1 :]


def _sized(data: bytes, width: int, height: int) -> bytes:
    """Return a PNG whose header states another size."""
    import zlib

    chunk = b"IHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + data[24:29]
    return data[:12] + chunk + zlib.crc32(chunk).to_bytes(4, "big") + data[33:]


def _deep_colours(r: random.Random) -> bytes:
    """Return a PNG with 16 bits per channel, which Pillow cannot write."""
    import zlib

    def chunk(kind: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")

    side = (9).to_bytes(4, "big")
    rows = b"".join(b"\0" + r.randbytes(9 * 6) for _ in range(9))
    head, body = chunk(b"IHDR", side + side + bytes([16, 2, 0, 0, 0])), chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + head + body + chunk(b"IEND", b"")


def _dark(r: random.Random) -> bytes:
    levels = np.frombuffer(r.randbytes(12 * 12 * 2), "<u2").reshape(12, 12) >> 4
    stream = io.BytesIO()
    Image.fromarray(levels.astype(np.uint16)).save(stream, "PNG")
    return stream.getvalue()


def _exif(turn: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = turn
    return exif.tobytes()


def _twin(a: Album, r: random.Random) -> None:
    for top in a.tops:
        for name in ("twin", "TWIN"):
            for number in range(4):
                _image(f"{name}/i{number}.png")(top, r)


def _empty_with(a: Album) -> None:
    for folder in a.classes:
        if not any(folder.iterdir()):
            (folder / "notes.txt").write_text("none yet")


def _check(a: Album, where: Path, parts: Any) -> None:
    height, width = parts.schema.input_shape[1:]
    split = a.split if "data.split" in a.options else None
    check_album(a.root, (height, width), int(a.options.get("data.grey_bits", "16")), split, parts)


def images(seed: int, count: int, folder: Path) -> Iterator[Case]:
    """Draw folders of images with faults; see ``robustness_cases.cases``."""

    def start(r: random.Random, where: Path, parts: tuple[bool, ...]) -> Album:
        return album(r, where / r.choice(("album", "an album", "é [1]")), r.choice(parts))

    def write(a: Album, where: Path) -> list[str]:
        options = {"data.root": f"'{a.root}'", "data.image_size": "8", **a.options}
        small = ["data=image_folder", "model=mlp", "model.hidden=[8]"]
        return [*small, *(f"{key}={value}" for key, value in options.items())]

    return cases(seed, count, folder, FAULTS, start, lambda a, parts: a.parts in parts, write, _check)
