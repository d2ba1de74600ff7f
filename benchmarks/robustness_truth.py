"""What tables and folders of images hold, read without Lossbook, and compared with what its networks are given."""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from robustness_drafts import PARTS, Draft

PART_NAMES = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test",
}  # fmt: skip
MISSING = ("", "NA", "N/A", "nan", "NaN", "None", "null", "NULL", "n/a", "<NA>", "NaT", "?")
DATES = ("%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y %H:%M", "%m/%d/%Y")
EXTENSIONS = (".png", ".jpg", ".jpeg", ".jfif", ".gif", ".bmp", ".ppm", ".tif", ".tiff", ".webp")
WORDS = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0, "1": 1.0, "0": 0.0}
MARKS = re.escape("' \u00a0\u202f\u2019")


def check_table(d: Draft, folder: Path, parts: Any) -> None:
    """Compare parts, labels, weights and inputs with the cells of the files.

    Args:
        d: the draft of the table.
        folder: that it is written to.
        parts: ``lossbook.data.source.Parts``.

    Raises:
        AssertionError: they differ.
    """
    rows, files = _rows(d, folder)
    skipping = d.options.get("data.on_bad") == "skip"
    every = np.concatenate([parts.rows[part] for part in PARTS])
    _require(len(set(every.tolist())) == len(every), "a row is in two parts")
    _require(skipping or len(every) == len(rows), f"{len(every)} of {len(rows)} rows are used")
    comma = _commas(rows, d)
    for part in PARTS:
        places, chosen = parts.rows[part], getattr(parts, part)
        if d.parts:
            allowed = {part} | ({"train"} if part == "val" and "val" not in files else set())
            _require({files[place] for place in places} <= allowed, f"{part} has rows of other files")
        here = [rows[place] for place in places]
        _check_targets(part, here, chosen, parts.schema, comma)
        if weight := d.options.get("data.weight_column"):
            by_hand = [_number(row[weight], comma[weight]) for row in here]
            _require(np.allclose(chosen["weight"].numpy(), by_hand, rtol=1e-6), f"{part}: weights")
    train = [rows[place] for place in parts.rows["train"]]
    if not {"data.columns", "data.feature_columns"} & d.options.keys():
        known = {*parts.reader.names, *(d.options.get(f"data.{key}_column") for key in ("weight", "group", "time"))}
        lost = [name for name in rows[0] if re.fullmatch("x[1-9]", name) and name not in known]
        _require(not lost, f"features that are lost: {lost}")
    for part in PARTS:
        here = [rows[place] for place in parts.rows[part]]
        _check_inputs(part, here, train, getattr(parts, part)["input"].numpy(), parts.reader, comma)


def _rows(d: Draft, folder: Path) -> tuple[list[dict[str, str]], list[str]]:
    """Return the rows of all files as column -> cell, and the file of each."""
    rows, files = [], []
    for stem in PARTS if d.parts else (d.name.removesuffix(".csv"),):
        if (folder / f"{stem}.csv").is_file():
            header, *cells = _cells(folder / f"{stem}.csv", d)
            rows += [
                dict(zip(header, row, strict=True))
                for row in cells
                if d.options.get("data.on_bad") != "skip" or len(row) == len(header)
            ]
            files += [stem] * (len(rows) - len(files))
    return rows, files


def _cells(path: Path, d: Draft) -> list[list[str]]:
    content = path.read_bytes()
    if content.startswith(b"\x1f\x8b"):
        content = gzip.decompress(content)
    if content.startswith(b"PAR1"):
        return _of_parquet(content)
    marked = {b"\xff\xfe\0\0": "utf-32", b"\xff\xfe": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}
    code = next((code for mark, code in marked.items() if content.startswith(mark)), d.encoding)
    try:
        text = content.decode(code)
    except UnicodeDecodeError:
        text = content.decode("cp1252")
    if text.lower().startswith("sep="):
        text = text.partition("\n")[2]
    rows = [[cell.strip() for cell in row] for row in _divided(text.replace("\r\n", "\n").replace("\r", "\n"), d.mark)]
    return [row for row in rows if any(row) or len(row) > 1]


def _of_parquet(content: bytes) -> list[list[str]]:
    import pyarrow
    from pyarrow import parquet

    table = parquet.read_table(pyarrow.BufferReader(content), use_threads=False)
    columns = [["" if cell is None else _text(cell) for cell in column.to_pylist()] for column in table.columns]
    return [[name.strip() for name in table.column_names], *map(list, zip(*columns, strict=True))]


def _text(cell: object) -> str:
    return str(cell).lower() if isinstance(cell, bool) else str(cell).strip()


def _divided(text: str, mark: str) -> list[list[str]]:
    """Divide a text at delimiters and ends of lines that are not within quotes."""
    if mark == " ":
        text = "\n".join(re.sub(" +", " ", line.strip()) for line in text.split("\n"))
    rows: list[list[str]] = [[""]]
    if '"' not in text:
        return [line.split(mark) for line in text.split("\n")]
    quoted, place = False, 0
    while place < len(text):
        sign = text[place]
        if quoted and text[place : place + 2] == '""':
            rows[-1][-1] += '"'
            place += 1
        elif sign == '"' and (quoted or not rows[-1][-1].strip()):
            quoted = not quoted
            rows[-1][-1] = rows[-1][-1] if not quoted else ""
        elif sign == mark and not quoted:
            rows[-1].append("")
        elif sign == "\n" and not quoted:
            rows.append([""])
        else:
            rows[-1][-1] += sign
        place += 1
    return rows


def _number(cell: str, comma: bool) -> float:
    """Return the number in a cell, NaN where it is missing or holds something else."""
    thousands = f"[{MARKS}.]" if comma else f"[{MARKS},]"
    if re.fullmatch(rf"[+-]?\d{{1,3}}({thousands}\d{{3}})+([{',' if comma else '.'}]\d+)?", cell, re.ASCII):
        cell = re.sub(thousands, "", cell)
    cell = cell.replace(",", ".") if comma else cell
    return float(cell) if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", cell, re.ASCII) else np.nan


def _commas(rows: Sequence[Mapping[str, str]], d: Draft) -> dict[str, bool]:
    """Return whether the decimal sign of each column is a comma."""
    share: dict[str, tuple[int, int, int]] = {}
    for name in rows[0]:
        cells = {row[name] for row in rows} - set(MISSING)
        share[name] = (
            len(cells),
            *(sum(_number(cell, sign) == _number(cell, sign) for cell in cells) for sign in (False, True)),
        )
    given = d.options.get("data.decimal")
    whole = given == "comma" or (
        given is None and any(count == comma > point for count, point, comma in share.values())
    )
    return {name: comma >= point if whole else comma > point for name, (_, point, comma) in share.items()}


def _check_targets(
    part: str, rows: Sequence[Mapping[str, str]], chosen: Any, schema: Any, comma: Mapping[str, bool]
) -> None:
    found = chosen["target"].numpy()
    _require(len(found) == len(rows), f"{part} has {len(found)} targets for {len(rows)} rows")
    if schema.target == "class":
        wrong = [
            (row["y"], schema.class_names[label])
            for row, label in zip(rows, found, strict=True)
            if row["y"] != schema.class_names[label]
        ]
        _require(not wrong, f"WRONG LABEL in {part}: {wrong[:3]}")
        return
    names = schema.class_names if schema.target == "multilabel" else schema.column_names
    read = [
        [
            WORDS.get(row[name].lower(), np.nan) if schema.target == "multilabel" else _number(row[name], comma[name])
            for name in names
        ]
        for row in rows
    ]
    _require(np.allclose(found, np.array(read, np.float32), rtol=1e-6), f"WRONG LABEL in {part}: {read[:3]}")


def _check_inputs(
    part: str, rows: Sequence[Mapping[str, str]], train: Sequence[Mapping[str, str]], found: np.ndarray, reader: Any,
    comma: Mapping[str, bool],
) -> None:  # fmt: skip
    start = 0
    for column in reader.columns:
        given = found[:, start : (start := start + column.width)]
        name = column.name
        if column.kind == "category":
            _check_categories(part, column, [row[name] for row in rows], given)
            continue
        values, before = (_values(column.kind, [row[name] for row in some], comma[name]) for some in (rows, train))
        lacking = np.isnan(before[:, 0])
        if lacking.any():
            _require(np.array_equal(given[:, -1], np.isnan(values[:, 0])), f"{part}: {name} missing")
        middle = np.median(before[~lacking], 0) if not lacking.all() else np.zeros(before.shape[1])
        before, values = (np.where(np.isnan(some), middle, some) for some in (before, values))
        unit = np.abs(before).max(0)
        unit[unit == 0] = 1
        spread = (before / unit).std(0)
        varies = spread > 1e-9
        by_hand = (values / unit - (before / unit).mean(0)) / np.where(varies, spread, 1)
        close = np.isclose(given[:, : values.shape[1]], by_hand, rtol=1e-4, atol=1e-4)
        _require(close[:, varies].all(), f"WRONG INPUT in {part}: {name}, a {column.kind}")


def _check_categories(part: str, column: Any, cells: Sequence[str], given: np.ndarray) -> None:
    if column.embedded:
        by_hand = [[column.categories.index(cell) + 1 if cell in column.categories else 0] for cell in cells]
    else:
        by_hand = [[int(cell == one) for one in column.categories] for cell in cells]
    own = given[:, : len(by_hand[0])] if by_hand else given
    numbers = all(re.fullmatch(r"-?\d+\.0", cell) for cell in cells if cell not in MISSING)
    _require(numbers or np.array_equal(own, by_hand), f"WRONG INPUT in {part}: {column.name}, a category")


def _values(kind: str, cells: Sequence[str], comma: bool) -> np.ndarray:
    """Return the numbers of cells, (N, K), NaN where they are missing."""
    if kind == "date":
        return np.array([_date(cell) for cell in cells])
    if kind == "boolean":
        return np.array([[WORDS.get(cell.lower(), np.nan)] for cell in cells])
    return np.array([[_number(cell, comma)] for cell in cells])


def _date(cell: str) -> list[float]:
    for form in (*DATES, "%Y-%m-%d %H:%M:%S"):
        try:
            found = datetime.strptime(cell, form)
        except ValueError:
            continue
        days = (found - datetime(1970, 1, 1)).total_seconds() / 86_400
        return [days, found.month, found.day, found.isoweekday()]
    return [np.nan] * 4


def check_album(root: Path, size: tuple[int, int], bits: int, split: Mapping[str, str] | None, parts: Any) -> None:
    """Compare parts, labels and pixels with the files.

    Args:
        root: of the album.
        size: height and width of the network's images.
        bits: of 16-bit greys.
        split: file name -> part of a table of parts; None without.
        parts: ``lossbook.data.source.Parts``.

    Raises:
        AssertionError: they differ.
    """
    folders = [path.name for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")]
    layered = any(name.lower() in PART_NAMES for name in folders)
    every = np.concatenate([parts.rows[part] for part in PARTS])
    _require(sorted(every.tolist()) == list(range(len(parts.names))), "an image is in two parts, or in none")
    for part in PARTS:
        samples = getattr(parts, part)
        _require(len(samples) == len(parts.rows[part]), f"{part} has {len(samples)} samples")
        for place, row in enumerate(parts.rows[part]):
            name = parts.names[row]
            above = name.split("/")
            sample = samples[place]
            label = parts.schema.class_names[int(sample["target"])]
            _require(label == above[layered], f"WRONG LABEL: {name} is {label}")
            if layered:
                own = {PART_NAMES[above[0].lower()]}
                _require(part in own | ({"val"} if own == {"train"} else set()), f"{name} is in {part}")
            if split is not None:
                own = split.get(name) or split.get(above[-1])
                _require(
                    part == own or (part == "val" and "val" not in split.values()), f"{name} is in {part}, not {own}"
                )
            off = np.abs(sample["input"].numpy().astype(int) - pixels(root / name, size, bits)).max()
            _require(off <= 3, f"WRONG PIXELS: {name} is {off} off")
    _require_all(root, layered, parts.names)


def _require_all(root: Path, layered: bool, names: Sequence[str]) -> None:
    """Require that no image that lies there is missing, unless another name for the same file is read."""
    known = set(names)
    real = {os.path.realpath(root / name) for name in names}
    for folder, _, files in os.walk(root):
        for file in files:
            path = Path(folder, file)
            below = path.relative_to(root)
            if (
                path.suffix.lower() in EXTENSIONS
                and len(below.parts) > 1 + layered
                and not any(one.startswith(".") for one in below.parts)
            ):
                _require(str(below) in known or os.path.realpath(path) in real, f"{below} is not read")


def pixels(path: Path, size: tuple[int, int], bits: int = 16) -> np.ndarray:
    """Read an image upright, on white, the middle of it scaled, (3, height, width)."""
    from PIL import Image, ImageOps

    image: Any = Image.open(path)
    image.load()
    try:
        turned = ImageOps.exif_transpose(image)
    except Exception:  # a damaged block
        turned = image
    if turned.mode.startswith("I"):
        levels = (np.asarray(turned) >> bits - 8).astype(np.uint8)
        clear = image.info.get("transparency")
        if isinstance(clear, int):
            levels[np.asarray(turned) == clear] = 255
        turned = Image.fromarray(levels)
    elif turned.has_transparency_data:
        colours = np.asarray(turned.convert("RGBA")).astype(float)
        alpha = colours[..., 3:] / 255
        turned = Image.fromarray(np.rint(colours[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8))
    turned, (height, width) = turned.convert("RGB"), size
    used = (
        min(turned.width, max(1, round(turned.height * width / height))),
        min(turned.height, max(1, round(turned.width * height / width))),
    )
    left, top = (turned.width - used[0]) // 2, (turned.height - used[1]) // 2
    square = turned.crop((left, top, left + used[0], top + used[1])).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(square).transpose(2, 0, 1).astype(int)


def _require(holds: object, what: str) -> None:
    if not holds:
        raise AssertionError(what)
