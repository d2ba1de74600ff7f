"""Random tables and folders to predict for: predicted as by hand, row by row, or refused."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import math
import os
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import robustness_by_hand as by_hand
from robustness_albums import CLASSES, SHORT, SIZE, paint
from robustness_cases import EITHER, REFUSED, TRAINED, Try, as_parquet
from robustness_truth import pixels

ROWS = 90
Row = dict[str, str]
ORDER = ("size", "gaps", "colour", "day")
COLOURS = ("blue", "green", "red")
KINDS = {"class": ("cross_entropy", "y"), "value": ("mse", "z")}


@dataclass
class Sheet:
    """A table to predict for.

    Args:
        header: names of the columns, in order.
        rows: cells by column.
        mark, encoding: how it is written.
        edits: final changes of its bytes.
        bad: places of the rows that must not be predicted.
    """

    header: list[str]
    rows: list[Row]
    mark: str = ","
    encoding: str = "utf-8"
    name: str = "new.csv"
    edits: list[Callable[[bytes], bytes]] = field(default_factory=list)
    bad: set[int] = field(default_factory=set)

    def write(self, folder: Path) -> Path:
        lines = [self.header, *([row[name] for name in self.header] for row in self.rows)]
        content = "".join(self.mark.join(line) + "\n" for line in lines).encode(self.encoding)
        for edit in self.edits:
            content = edit(content)
        (folder / self.name).write_bytes(content)
        return folder / self.name


def sheet(seed: int, rows: int = ROWS) -> Sheet:
    """Draw a table of numbers, numbers with gaps, categories with gaps and dates."""
    r = random.Random(seed)
    made = []
    for _ in range(rows):
        size, gaps = r.gauss(20, 5), r.gauss(-1, 0.2)
        colour = r.choice((*COLOURS, ""))
        day = date(2020, 1, 1) + timedelta(r.randrange(900))
        cells = {"size": f"{size:.4f}", "gaps": f"{gaps:.4f}" if r.random() < 0.8 else "", "colour": colour}
        cells |= {"day": f"{day:%Y-%m-%d}", "y": "cat" if size > 22 else "dog" if colour == "red" else "owl"}
        made.append({**cells, "z": f"{3 * size + day.month:.3f}", "more": str(r.randrange(9))})
    return Sheet([*ORDER, "y", "z"], made)


Change = Callable[[Sheet, random.Random], None]


def _header(change: Callable[[list[str], random.Random], list[str]]) -> Change:
    return lambda s, r: setattr(s, "header", change(list(s.header), r))


def _cells(name: str, text: str, bad: bool = False) -> Change:
    """Put a text into some cells of a column."""

    def spoil(s: Sheet, r: random.Random) -> None:
        for place in r.sample(range(len(s.rows)), r.choice((1, 3, len(s.rows) // 2))):
            s.rows[place][name] = text
            if bad:
                s.bad.add(place)

    return spoil


def _each(name: str, change: Callable[[str], str]) -> Change:
    def spoil(s: Sheet, r: random.Random) -> None:
        for row in s.rows:
            row[name] = change(row[name])

    return spoil


def _written(**how: Any) -> Change:
    return lambda s, r: s.__dict__.update(how)


def _bytes(change: Callable[[bytes], bytes]) -> Change:
    return lambda s, r: s.edits.append(change)


def _one(s: Sheet, r: random.Random) -> None:
    s.rows = s.rows[:1]


CHANGES: dict[str, tuple[Change, tuple[str, ...]]] = {
    "nothing": (lambda s, r: None, TRAINED),
    "columns in another order": (_header(lambda names, r: r.sample(names, len(names))), TRAINED),
    "without targets": (_header(lambda names, r: [name for name in names if name not in "yz"]), TRAINED),
    "columns more": (_header(lambda names, r: ["more", *names]), TRAINED),
    "column missing": (_header(lambda names, r: [name for name in names if name != r.choice(ORDER)][-5:]), REFUSED),
    "column twice": (_header(lambda names, r: [*names, "size"]), REFUSED),
    "column in upper case": (_bytes(lambda text: text.replace(b"size", b"SIZE", 1)), REFUSED),
    "rows in another order": (lambda s, r: r.shuffle(s.rows), TRAINED),
    "one row": (_one, TRAINED),
    "no row": (lambda s, r: s.rows.clear(), REFUSED),
    "category unseen": (_cells("colour", "mauve"), TRAINED),
    "category in upper case": (_cells("colour", "RED"), TRAINED),
    "category padded": (_cells("colour", " red "), TRAINED),
    "all categories unseen": (_each("colour", lambda cell: f"dark {cell}"), TRAINED),
    "no category": (_each("colour", lambda cell: ""), TRAINED),
    "categories like numbers": (_each("colour", lambda cell: "7"), TRAINED),
    "gap": (_cells("gaps", "NA"), TRAINED),
    "gap where training had none": (_cells("size", ""), TRAINED),
    "only gaps": (_each("gaps", lambda cell: ""), TRAINED),
    "date missing": (_cells("day", ""), TRAINED),
    "date impossible": (_cells("day", "2020-02-31", bad=True), EITHER),
    "date in another form": (_each("day", lambda cell: f"{cell[8:]}.{cell[5:7]}.{cell[:4]}"), EITHER),
    "word in numbers": (_cells("size", "large", bad=True), EITHER),
    "infinite": (_cells("size", "inf", bad=True), EITHER),
    "1e39": (_cells("size", "1e39", bad=True), EITHER),
    "far out": (_cells("size", "200"), TRAINED),
    "thousands": (_cells("size", '"1,234.5"'), TRAINED),
    "numbers as 1e0": (_each("size", lambda cell: f"{float(cell):.12e}"), TRAINED),
    "with tabs": (_written(mark="\t"), TRAINED),
    "with semicolons": (_written(mark=";"), TRAINED),
    "with a BOM": (_written(encoding="utf-8-sig"), TRAINED),
    "in UTF-16": (_written(encoding="utf-16"), TRAINED),
    "with \\r\\n": (_bytes(lambda text: text.replace(b"\n", b"\r\n")), TRAINED),
    "gzipped": (_bytes(gzip.compress), TRAINED),
    "called .txt": (_written(name="new.txt"), TRAINED),
    "called .data": (_written(name="new.data"), EITHER),
    "as Parquet": (_bytes(as_parquet), TRAINED),
    "xlsx called .csv": (_bytes(lambda text: b"PK\3\4" + text), REFUSED),
    "empty file": (_bytes(lambda text: b""), REFUSED),
    "header alone, twice": (_bytes(lambda text: text.split(b"\n")[0] + b"\n" + text.split(b"\n")[0] + b"\n"), EITHER),
}  # fmt: skip


def expected(s: Sheet, kind: str, first: Sheet, ckpt: Path) -> list[dict[str, Any]]:
    """Compute what is predicted for each row from a checkpoint's weights and the table of its training."""
    tensors, places = by_hand.weights(ckpt)
    train = [first.rows[place] for place in places["train"]]
    blocks = []
    for name in ORDER:
        before, now = (np.array([_numbers(name, row[name].strip(' "')) for row in rows]) for rows in (train, s.rows))
        gaps = np.isnan(before[:, 0])
        if name == "colour":
            blocks += [now[:, 1:], *([now[:, :1] != now[:, :1]] if gaps.any() else [])]
            continue
        middle = np.nanmedian(before, 0)
        missing = np.isnan(now[:, :1])
        before, now = (np.where(np.isnan(some), middle, some) for some in (before, now))
        blocks += [(now - before.mean(0)) / before.std(0), *([missing] if gaps.any() else [])]
    output = by_hand.outputs(tensors, np.concatenate(blocks, 1))
    if kind == "value":
        y = np.array([float(row["z"]) for row in train])
        return [{"prediction": value} for value in output[:, 0] * y.std() + y.mean()]
    return of_classes(output, sorted({row["y"] for row in first.rows}), ckpt)


def of_classes(output: np.ndarray, names: list[str], ckpt: Path) -> list[dict[str, Any]]:
    """Return the prediction and the probabilities of each row of class scores, at the checkpoint's temperature."""
    import torch

    state = torch.load(ckpt, weights_only=True)["state_dict"]
    scaled = output / float(state["test_meter.metrics.temperature.threshold"])
    share = np.exp(scaled - scaled.max(1, keepdims=True))
    share /= share.sum(1, keepdims=True)
    found = []
    for row in share:
        least, most = np.sort(row)[-2:]
        clear = {"prediction": names[row.argmax()]} if most - least > 1e-3 else {}
        found.append({**clear, **{f"p_{name}": one for name, one in zip(names, row, strict=True)}})
    return found


def _numbers(name: str, cell: str) -> list[float]:
    if name == "colour":  # the first is NaN where it is missing
        return [math.nan if cell == "" else 0.0, *(float(cell == one) for one in COLOURS)]
    if cell in ("", "NA"):
        return [math.nan] * (4 if name == "day" else 1)
    if name != "day":
        number = float(cell.replace(",", "")) if cell[0] in "-0123456789" else math.nan
        return [number]
    year, month, day = map(int, cell.split("-") if "-" in cell else reversed(cell.split(".")))
    try:
        found = date(year, month, day)
    except ValueError:
        return [math.nan] * 4
    return [(found - date(1970, 1, 1)).days, month, day, found.isoweekday()]


def predicted(arguments: list[str]) -> list[dict[str, str]]:
    """Run ``lossbook predict`` and return the rows of its table.

    Raises:
        UserError: it refuses.
    """
    from lossbook.commands.predict import main
    from lossbook.errors import refuse

    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        code = main(arguments)
    if code:
        if "Traceback" in said.getvalue():
            raise RuntimeError(said.getvalue())
        raise refuse(said.getvalue().partition("\n")[0], "")
    with open("predictions.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _require_same(found: list[dict[str, str]], by_name: dict[str, dict[str, Any]]) -> None:
    names = [row["name"] for row in found]
    if names != list(by_name):
        raise AssertionError(f"predicted {names[:5]}... of {list(by_name)[:5]}...: {len(names)} of {len(by_name)}")
    for row, (name, one) in zip(found, by_name.items(), strict=True):
        for key, value in one.items():
            same = (
                row[key] == value
                if isinstance(value, str)
                else math.isclose(float(row[key]), value, rel_tol=1e-3, abs_tol=2e-4)
            )
            if not same:
                raise AssertionError(f"WRONG PREDICTION: {name} {key} is {row[key]}, by hand {value}")


def _train(given: list[str], folder: Path) -> None:
    """Train in a process of its own; polars' threads do not survive a fork."""
    import lossbook

    if not (child := os.fork()):
        with contextlib.redirect_stdout(sys.stderr):
            lossbook.train(lossbook.compose(*given, *SHORT), folder / "run")
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        raise RuntimeError(f"no checkpoint: {given}")


def _of_table(s: Sheet, kind: str, first: Sheet, ckpt: Path, given: list[str]) -> None:
    found = predicted(given)
    every = expected(s, kind, first, ckpt)
    _require_same(found, {str(place): one for place, one in enumerate(every) if place not in s.bad})


def _of_folder(root: Path, ckpt: Path, given: list[str]) -> None:
    tensors, _ = by_hand.weights(ckpt)
    files = sorted(
        (path for path in root.rglob("*.*") if path.is_file()), key=lambda path: path.relative_to(root).parts
    )
    seen = np.stack([pixels(path, (SIZE, SIZE)) for path in files]) / 255
    scaled = (seen - np.array(by_hand.IMAGENET[0])[:, None, None]) / np.array(by_hand.IMAGENET[1])[:, None, None]
    every = of_classes(by_hand.outputs(tensors, scaled.reshape(len(files), -1)), list(CLASSES), ckpt)
    found = {row["name"]: row for row in predicted(given)}
    by_name = {str(path.relative_to(root)): one for path, one in zip(files, every, strict=True)}
    _require_same([{**found[name]} for name in by_name if name in found], by_name)


def predictions(seed: int, count: int, folder: Path) -> Iterator[Try]:
    """Yield tables, and every fourth time folders of images, with what is predicted for them by hand."""
    r = random.Random(seed)
    first = sheet(0)
    for kind, (loss, target) in KINDS.items():
        (folder / kind).mkdir(parents=True)
        data = ["data=table", f"data.root={first.write(folder / kind)}", f"data.target={kind}"]
        data += [f"data.target_columns=[{target}]", f"data.feature_columns=[{','.join(ORDER)}]"]
        _train([f"loss={loss}", *data], folder / kind)
    paint(folder / "images/first", CLASSES, 20, 0)
    _train(["data=image_folder", f"data.root={folder}/images/first", f"data.image_size={SIZE}"], folder / "images")
    order: list[str] = []
    for number in range(count):
        where = folder / f"{number:05d}"
        where.mkdir()
        if number % 4 == 3:
            ckpt = folder / "images/run/checkpoints/best.ckpt"
            names = r.sample([*CLASSES, "a folder", "é [1]", "val"], r.randint(1, 4))
            paint(where / "new", names, r.randint(1, 9), number)
            given = [f"ckpt={ckpt}", f"input={where / 'new'}"]
            yield Try("images", "predict", given, TRAINED, lambda w=where, c=ckpt, g=given: _of_folder(w / "new", c, g))  # type: ignore[misc]
            continue
        order = order or r.sample(list(CHANGES), len(CHANGES))
        names = [order.pop()]
        allowed = CHANGES[names[0]][1]
        if r.random() < 1 / 3:
            names.append(r.choice(list(CHANGES)))
            allowed = EITHER
        kind = r.choice(list(KINDS))
        made = sheet(number + 1, r.choice((1, 7, 40)))
        for name in names:
            with contextlib.suppress(ValueError, IndexError, KeyError):
                CHANGES[name][0](made, r)
        ckpt = folder / kind / "run/checkpoints/best.ckpt"
        given = [f"ckpt={ckpt}", f"input={made.write(where)}"]
        run = lambda m=made, k=kind, c=ckpt, g=given: _of_table(m, k, first, c, g)  # noqa: E731
        yield Try(f"{kind}, {' + '.join(names)}", "predict", given, allowed, run)
