"""Random checkpoints on data that has changed since training: evaluated or resumed correctly, or refused."""

from __future__ import annotations

import contextlib
import copy
import os
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import robustness_by_hand as by_hand
from robustness_albums import SHORT, of_images
from robustness_cases import EITHER, REFUSED, TRAINED, Try

ROWS = 120
PARTS = ("train", "val", "test")
Row = dict[str, str]  # column -> cell
NUMBERS = ("multilabel", "value", "values", "count")
CLASSES = ("class", "numbers", "binary")
VALUES = ("value", "values", "ranking")
EXACT = (*CLASSES, *NUMBERS)  # their metrics are computed by hand
NOISE = "lossbook.data.augment.GaussianNoise"
KINDS = {  # name -> its overrides beside those of the data
    "class": ["loss=cross_entropy"],
    "numbers": ["loss=cross_entropy", "optim=sgd"],
    "binary": ["loss=cross_entropy", "data.positive_class=yes"],
    "multilabel": ["loss=bce_logits"],
    "value": ["loss=mse"],
    "values": ["loss=mse"],
    "count": ["loss=poisson_nll"],
    "weighted": ["loss=cross_entropy", "loss.criterion.weight=auto"],
    "embedding": ["loss=triplet_margin"],
    "views": ["loss=info_nce", "data.views=2", f"data.augment=[{{_target_: {NOISE}, std: 0.1}}]"],
    "discrete": ["loss=cross_entropy"],
    "ranking": ["loss=margin_ranking"],
}  # fmt: skip
ANIMALS = ("cat", "dog", "owl")
NAMES = {"numbers": ("1", "2", "10"), "binary": ("no", "yes")}


@dataclass
class Sheet:
    """A table, and how it is written.

    Args:
        kind: key of ``KINDS``.
        header: names of the columns, in order.
        rows: cells by the name of the column, of which those of the header are written.
        parts: name of a file -> its rows; None for one file.
        mark, encoding, end: how it is written.
        options: additional overrides, by key.
    """

    kind: str
    header: list[str]
    rows: list[Row]
    parts: dict[str, list[Row]] | None = None
    mark: str = ","
    encoding: str = "utf-8"
    end: str = "\n"
    options: dict[str, str] = field(default_factory=dict)
    split: list[str] | None = None
    missing: bool = False

    @property
    def targets(self) -> list[str]:
        """Return the target columns, in the order of training."""
        return {"multilabel": ["left", "right"], "values": ["z", "y"]}.get(self.kind, ["y"])

    @property
    def features(self) -> list[str]:
        return ["x0", "x1", "x2"]

    def every(self) -> list[Row]:
        """Return all rows in the order in which they are read."""
        if self.parts is None:
            return self.rows
        order = sorted(self.parts, key=lambda name: PARTS.index(_part(name)))
        return [row for name in order for row in self.parts[name]]

    def write(self, folder: Path) -> Path:
        """Write the files, and return ``data.root``."""
        if self.missing:
            return folder / "nowhere"
        files = {"table.csv": self.rows} if self.parts is None else self.parts
        for name, rows in files.items():
            lines = [self.header, *([row[column] for column in self.header] for row in rows)]
            text = "".join(self.mark.join(line) + self.end for line in lines)
            (folder / name).write_bytes(text.encode(self.encoding))
        if self.split is not None:
            lines = [f"{row},{part}" for row, part in enumerate(self.split)]
            (folder / "split").write_text("\n".join(["row,part", *lines]) + "\n")
            self.options["data.split"] = str(folder / "split")
        return folder if self.parts is not None else folder / "table.csv"


def _part(name: str) -> str:
    return {"v": "val", "d": "val"}.get(name[0].lower()) or ("train" if name[:2].lower() == "tr" else "test")


def sheet(kind: str, seed: int = 0, rows: int = ROWS) -> Sheet:
    """Draw a table of three features, the targets of a kind, and an uninformative column."""
    random_ = np.random.Generator(np.random.PCG64(seed))
    z = random_.normal(size=(rows, 3))
    x = z * (1, 7, 0.01) + (3, -20, 1)
    if kind == "discrete":
        x = random_.integers(0, 3, (rows, 3)).astype(float)
    names = NAMES.get(kind, ANIMALS)
    made = []
    for row in range(rows):
        cells = {f"x{place}": repr(float(x[row, place])) for place in range(3)}
        if kind == "multilabel":
            cells |= {"left": str(int(z[row, 0] > 0)), "right": str(int(z[row, 1] > 0.3))}
        elif kind in VALUES:
            cells |= {"y": f"{500 + 100 * z[row, 0]:.2f}", "z": f"{-3 + z[row, 1]:.4f}"}
        elif kind == "count":
            cells["y"] = str(random_.poisson(np.exp(2 + z[row, 0] / 2)))
        else:
            cells["y"] = names[int(z[row, 0] > 0.4) + int(z[row, 1] > 0 and len(names) > 2)]
        made.append({**cells, "more": str(row * 7 % 11)})
    header = ["x0", "x1", "x2", *(["left", "right"] if kind == "multilabel" else ["y"])]
    return Sheet(kind, header + ["z"] * (kind == "values"), made)


@dataclass(frozen=True)
class Trained:
    """A checkpoint and the table that it was trained on."""

    sheet: Sheet
    folder: Path

    def ckpt(self, name: str = "best") -> Path:
        return self.folder / "run" / "checkpoints" / f"{name}.ckpt"


def trained(kind: str, folder: Path) -> Trained:
    """Train a checkpoint in a short run."""
    import lossbook

    made = sheet(kind)
    folder.mkdir(parents=True)
    target = {"values": "value", "ranking": "value"}.get(kind, kind if kind in NUMBERS else "class")
    data = ["data=csv", f"data.root={made.write(folder)}", f"data.target={target}"]
    data.append(f"data.target_columns=[{','.join(made.targets)}]")
    # apart: reading a table starts polars' threads, for which processes forked later from this one would wait forever
    if not (child := os.fork()):
        with contextlib.redirect_stdout(sys.stderr):
            lossbook.train(lossbook.compose(*KINDS[kind], *data, *SHORT), folder / "run")
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        raise RuntimeError(f"no checkpoint on {kind}")
    return Trained(made, folder)


Change = Callable[[Sheet, random.Random, Trained], None]


def _known(of: Trained) -> dict[tuple[float, ...], str]:
    """Return the part of each row that the checkpoint knows."""
    _, places = by_hand.weights(of.ckpt())
    rows = of.sheet.every()
    return {_key(of.sheet, rows[place]): part for part, members in places.items() for place in members}


def _key(made: Sheet, row: Row) -> tuple[float, ...]:
    return tuple(float(row[name]) for name in made.features)


def _rows(change: Callable[[list[Row], random.Random], list[Row]]) -> Change:
    def spoil(s: Sheet, r: random.Random, of: Trained) -> None:
        s.rows = change(s.rows, r)

    return spoil


def _cells(columns: Sequence[str] | None, change: Callable[[str], str]) -> Change:
    """Change the cells of columns; of the targets where None."""

    def spoil(s: Sheet, r: random.Random, of: Trained) -> None:
        for row in s.rows:
            for name in columns or s.targets:
                row[name] = change(row[name])

    return spoil


def _header(change: Callable[[list[str], random.Random], list[str]]) -> Change:
    def spoil(s: Sheet, r: random.Random, of: Trained) -> None:
        s.header = change(list(s.header), r)

    return spoil


def _column_renamed(s: Sheet, r: random.Random, of: Trained) -> None:
    old = r.choice(s.header)
    new = r.choice((old.upper(), f"{old} ", f"{old}_", "unnamed"))
    if new.strip() == old:
        new = f"{old}."
    s.header = [new if name == old else name for name in s.header]
    for row in s.rows:
        row[new] = row[old]


def _column_added(s: Sheet, r: random.Random, of: Trained) -> None:
    s.header.insert(r.randrange(len(s.header) + 1), "more")


def _new(s: Sheet, count: int) -> list[Row]:
    return sheet(s.kind, seed=99, rows=count).rows


def _added(s: Sheet, r: random.Random, of: Trained) -> None:
    s.rows += _new(s, r.choice((1, 3, 60, 300)))
    r.shuffle(s.rows)


def _only(parts: Sequence[str], fresh: int = 0) -> Change:
    def spoil(s: Sheet, r: random.Random, of: Trained) -> None:
        known = _known(of)
        s.rows = [row for row in s.rows if known.get(_key(s, row)) in parts] + _new(s, fresh)

    return spoil


def _class_gone(s: Sheet, r: random.Random, of: Trained) -> None:
    name = r.choice(s.rows)["y"]
    s.rows = [row for row in s.rows if row["y"] != name]


def _class_renamed(s: Sheet, r: random.Random, of: Trained) -> None:
    old, new = r.choice(s.rows)["y"], r.choice(("emu", "CAT", "1.0", "01", "nan", "[b]", "a,b", ""))
    for row in s.rows:
        row["y"] = new if row["y"] == old else row["y"]


def _class_added(s: Sheet, r: random.Random, of: Trained) -> None:
    for row in r.sample(s.rows, min(len(s.rows), 9)):
        row["y"] = "emu"


def _columns_swapped(s: Sheet, r: random.Random, of: Trained) -> None:
    """Name the target columns in another order."""
    s.options["data.target_columns"] = f"[{','.join(reversed(s.targets))}]"


def _in_parts(names: Sequence[str], shares: Sequence[float] = (0.6, 0.2, 0.2)) -> Change:
    def spoil(s: Sheet, r: random.Random, of: Trained) -> None:
        s.parts, start = {}, 0
        for name, share in zip(names, shares, strict=False):
            stop = start + round(share * len(s.rows))
            s.parts[f"{name}.csv"] = s.rows[start:stop]
            start = stop

    return spoil


def _split(s: Sheet, r: random.Random, of: Trained) -> None:
    s.split = [r.choice(("train", "val", "test", "Train", "dev")) for _ in s.rows]
    s.split[:3] = PARTS


def _written(**how: Any) -> Change:
    return lambda s, r, of: s.__dict__.update(how)


def _option(key: str, value: str) -> Change:
    return lambda s, r, of: s.options.update({key: value})


def _doubled(s: Sheet, r: random.Random, of: Trained) -> None:
    s.rows += [dict(row) for row in r.sample(s.rows, r.choice((1, 10, len(s.rows))))]


def _marked(mark: str, name: str) -> Change:
    def spoil(s: Sheet, r: random.Random, of: Trained) -> None:
        s.mark, s.options["data.delimiter"] = mark, name

    return spoil


def _one_row(rows: list[Row], r: random.Random) -> list[Row]:
    return [r.choice(rows)]


ALL = tuple(KINDS)
OF_CLASSES = (*CLASSES, "weighted", "embedding", "views", "discrete")
CHANGES: dict[str, tuple[Change, tuple[str, ...], tuple[str, ...]]] = {
    # kind -> what it does, what may come of it (where rows are left to score), and the kinds of target it is for
    "nothing": (lambda s, r, of: None, TRAINED, ALL),
    "rows deleted": (_rows(lambda rows, r: r.sample(rows, len(rows) - r.choice((1, 5, 60)))), EITHER, ALL),
    "rows added": (_added, TRAINED, ALL),
    "rows in another order": (_rows(lambda rows, r: r.sample(rows, len(rows))), TRAINED, ALL),
    "rows doubled": (_doubled, TRAINED, ALL),
    "one row": (_rows(_one_row), EITHER, ALL),
    "two rows": (_rows(lambda rows, r: r.sample(rows, 2)), EITHER, ALL),
    "no row": (_rows(lambda rows, r: []), REFUSED, ALL),
    "only training rows": (_only(("train",)), EITHER, ALL),
    "only validation rows": (_only(("val",)), EITHER, ALL),
    "only test rows": (_only(("test",)), EITHER, ALL),
    "only new rows": (_only((), 40), TRAINED, ALL),
    "one new row": (_only((), 1), EITHER, ALL),
    "one new row more": (_only(PARTS, 1), TRAINED, ALL),
    "test rows and new ones": (_only(("test",), 30), EITHER, ALL),
    "columns in another order": (_header(lambda names, r: r.sample(names, len(names))), TRAINED, ALL),
    "column renamed": (_column_renamed, REFUSED, ALL),
    "column removed": (_header(lambda names, r: r.sample(names, len(names) - 1)), REFUSED, ALL),
    "column added": (_column_added, TRAINED, ALL),
    "column doubled": (_header(lambda names, r: [*names, names[0]]), REFUSED, ALL),
    "class gone": (_class_gone, EITHER, OF_CLASSES),
    "class renamed": (_class_renamed, REFUSED, OF_CLASSES),
    "class added": (_class_added, REFUSED, OF_CLASSES),
    "classes in upper case": (_cells(None, str.upper), EITHER, OF_CLASSES),
    "classes padded": (_cells(None, lambda cell: f" {cell} "), TRAINED, OF_CLASSES),
    "classes as 1.0": (_cells(None, lambda cell: f"{cell}.0"), EITHER, OF_CLASSES),
    "one class": (_rows(lambda rows, r: [row for row in rows if row["y"] == rows[0]["y"]]), EITHER, OF_CLASSES),
    "numbers as 1.0": (_cells(None, lambda cell: f"{float(cell)}"), TRAINED, NUMBERS),
    "numbers as 1e0": (_cells(("x0", "x1"), lambda cell: f"{float(cell):.17e}"), TRAINED, ALL),
    "numbers rounded": (_cells(("x0", "x1", "x2"), lambda cell: f"{float(cell):.3f}"), EITHER, ALL),
    "targets shifted a little": (_cells(None, lambda cell: f"{float(cell) + 2:.4f}"), TRAINED, VALUES),
    "targets shifted": (_cells(None, lambda cell: f"{float(cell) + 1000:.4f}"), EITHER, VALUES),
    "counts shifted": (_cells(None, lambda cell: f"{int(cell) + 10}"), EITHER, ("count",)),
    "targets scaled": (_cells(None, lambda cell: f"{float(cell) * 1000:.4f}"), EITHER, ("value", "values", "count")),
    "targets of another kind": (_cells(None, lambda cell: "2.5"), REFUSED, ("multilabel", "count")),
    "targets constant": (_cells(None, lambda cell: "1"), EITHER, NUMBERS),
    "features scaled": (_cells(("x1",), lambda cell: f"{float(cell) * 1e6}"), EITHER, ALL),
    "target columns in another order": (_columns_swapped, EITHER, ("multilabel", "values")),
    "other target columns": (_option("data.target_columns", "[x0]"), REFUSED, ALL),
    "other kind of target": (_option("data.target", "count"), EITHER, ALL),
    "other features": (_option("data.feature_columns", "[x0]"), REFUSED, ALL),
    "features in another order": (_option("data.feature_columns", "[x2,x1,x0]"), EITHER, ALL),
    **{
        f"parts {', '.join(names)}": (_in_parts(names), EITHER, ALL)
        for names in (PARTS, ("Train", "Valid", "TEST"), ("training", "dev", "testing"))
    },
    "test alone": (_in_parts(("Test",), (1,)), EITHER, ALL),
    "test of one row": (_in_parts(("test",), (1 / ROWS,)), EITHER, ALL),
    "train and test": (_in_parts(("test", "train"), (0.3, 0.7)), EITHER, ALL),
    "train alone": (_in_parts(("train",), (1,)), REFUSED, ALL),
    "no part": (_in_parts(()), REFUSED, ALL),
    "test empty": (_in_parts(PARTS, (0.5, 0.5, 0)), REFUSED, ALL),
    "a table of parts": (_split, EITHER, ALL),
    "a table of parts that is wrong": (lambda s, r, of: setattr(s, "split", ["train"] * 7), REFUSED, ALL),
    "with tabs": (_marked("\t", "tab"), TRAINED, ALL),
    "with semicolons": (_marked(";", "semicolon"), TRAINED, ALL),
    "with semicolons, unsaid": (_written(mark=";"), EITHER, ALL),
    "quoted": (_cells(None, lambda cell: f'"{cell}"'), TRAINED, CLASSES),
    "with a BOM": (_written(encoding="utf-8-sig"), TRAINED, ALL),
    "in UTF-16": (_written(encoding="utf-16"), EITHER, ALL),
    "with \\r\\n": (_written(end="\r\n"), TRAINED, ALL),
    "missing": (_written(missing=True), REFUSED, ALL),
    **{
        f"data={other}": (_option("data", other), EITHER if other == "breast_cancer" else REFUSED, ALL)
        for other in ("digits", "diabetes", "breast_cancer", "image_folder")
    },
    "data.limit": (_option("data.limit", "5"), EITHER, ALL),
    "data.limit of all": (_option("data.limit", "100000"), TRAINED, ALL),
    "data.batch_size=1": (_option("data.batch_size", "1"), EITHER, ALL),
    "data.batch_size=7": (_option("data.batch_size", "7"), EITHER, ALL),
    "data.batch_size=all": (_option("data.batch_size", "all"), TRAINED, ALL),
    "data.seed=1": (_option("data.seed", "1"), EITHER, ALL),
    "data.positive_class=no": (_option("data.positive_class", "no"), EITHER, ("binary", "class")),
    "data.views=2": (_option("data.views", "2"), EITHER, ALL),
}  # fmt: skip


def scored(made: Sheet, of: Trained) -> list[Row]:
    """Return the rows that must be evaluated."""
    if made.parts is not None:
        return next((rows for name, rows in made.parts.items() if _part(name) == "test"), [])
    if made.split is not None:
        return [row for row, part in zip(made.rows, made.split, strict=False) if part == "test"]
    known = _known(of)
    return [row for row in made.rows if known.get(_key(made, row)) not in ("train", "val")]


def expected(made: Sheet, rows: Sequence[Row], of: Trained, ckpt: Path) -> dict[str, float]:
    """Compute metrics of rows from a checkpoint's weights and the statistics of the table of the first run."""
    tensors, _ = by_hand.weights(ckpt)
    first, (_, places) = of.sheet.every(), by_hand.weights(of.ckpt())
    train = [first[place] for place in places["train"]]
    x = np.array([_key(of.sheet, row) for row in train])
    z = (np.array([_key(made, row) for row in rows]) - x.mean(0)) / x.std(0)
    output = by_hand.outputs(tensors, z)
    if made.kind in CLASSES:
        labels = [row["y"].strip(' "') for row in rows]
        return by_hand.of_classes(output, labels, NAMES.get(made.kind, ANIMALS))
    y, before = (np.array([[float(row[name]) for name in made.targets] for row in some]) for some in (rows, train))
    return by_hand.of_numbers({"values": "value"}.get(made.kind, made.kind), output, y, before)


def _evaluated(made: Sheet, of: Trained, given: Sequence[str]) -> None:
    import lossbook

    found = lossbook.evaluate(lossbook.compose(*given))
    if made.kind in EXACT and not {"data", "data.limit", "data.positive_class"} & made.options.keys():
        by_hand.require_equal(found, expected(made, scored(made, of), of, of.ckpt()))


def _resumed(made: Sheet, of: Trained, given: Sequence[str]) -> None:
    import lossbook

    found = lossbook.train(lossbook.compose(*given), "run")
    ckpt = Path("run/checkpoints/best.ckpt")
    if made.kind == "discrete" or {"data", "data.limit", "data.positive_class"} & made.options.keys():
        return
    _, places = by_hand.weights(ckpt)
    rows = made.every()
    if made.parts is None and made.split is None:
        known = _known(of)
        for part, members in places.items():
            moved = [place for place in members if known.get(_key(made, rows[place]), part) != part]
            if len({_key(made, row) for row in rows}) == len(rows) and moved:
                raise AssertionError(f"{len(moved)} rows have moved into {part}")
    if made.kind in EXACT:
        by_hand.require_equal(found, expected(made, [rows[place] for place in places["test"]], of, ckpt))


def evaluations(seed: int, count: int, folder: Path) -> Iterator[Try]:
    """Yield cases with their files written; no change is repeated before all have been drawn, and a third has two.

    Args:
        seed: of all draws.
        count: of cases.
        folder: holds a folder for each case.
    """
    r = random.Random(seed)
    models = {kind: trained(kind, folder / "trained" / kind) for kind in KINDS}
    order: list[str] = []
    for number in range(count):
        if r.random() < 1 / 5:
            yield of_images(r, folder / "trained" / "images", folder / f"{number:05d}", number % 3 == 2)
            continue
        order = order or r.sample(list(CHANGES), len(CHANGES))
        changes = [order.pop()]
        _, allowed, fits = CHANGES[changes[0]]
        of = models[r.choice(fits)]
        if r.random() < 1 / 3:
            changes.append(r.choice([name for name, (*_, fits) in CHANGES.items() if of.sheet.kind in fits]))
            allowed = EITHER
        made = copy.deepcopy(of.sheet)
        for name in changes:
            with suppress(ValueError, IndexError, KeyError):  # the first removed what the second changes
                CHANGES[name][0](made, r, of)
        where = folder / f"{number:05d}"
        where.mkdir(parents=True)
        resumed = number % 3 == 2
        data = {"data.root": str(made.write(where)), **made.options}
        if "data" in data and data["data"] != "image_folder":
            del data["data.root"]
        given = [f"{key}={value}" for key, value in data.items()]
        if resumed:
            given = [f"ckpt={of.ckpt('last')}", *given, "trainer.max_epochs=4"]
            allowed = EITHER if allowed == TRAINED else allowed
        else:
            given.insert(0, f"ckpt={of.ckpt()}")
        run = partial(_resumed if resumed else _evaluated, made, of, given)
        kind = f"{made.kind}, {' + '.join(changes)}"
        yield Try(kind, "train" if resumed else "evaluate", given, allowed, run)
