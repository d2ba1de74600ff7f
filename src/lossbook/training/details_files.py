"""Write and print the details of a test: tables of classes, confusion matrices, worst mistakes."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lossbook.files import write_whole
from lossbook.metrics.per_class import Row
from lossbook.training.details import HeadDetails, Mistake

_CLASSES = 20  # of a table on the terminal, those of the lowest F1 first where there are more
_MISTAKES = 5
NameOf = Callable[[int], str]  # the number of a sample in the test part -> what the user calls it


def write_details(
    folder: Path, metrics: Mapping[str, float], heads: Mapping[str, HeadDetails], name_of: NameOf
) -> list[Path]:
    """Write ``metrics.json``, and for each head ``classes.csv``, ``confusion.csv`` and ``.png``, ``mistakes.csv``.

    The files of one of several heads begin with its name.

    Returns:
        The files, in that order.
    """
    record: dict[str, Any] = {"metrics": {tag: _finite(value) for tag, value in metrics.items()}}
    for head, found in heads.items():
        if found.calibration:
            record.setdefault("calibration", {})[head or "target"] = dict(found.calibration)
    text = json.dumps(record, indent=2)
    files = [folder / "metrics.json"]
    write_whole(files[0], lambda file: file.write(text.encode()))
    for head, found in heads.items():
        files += _write_head(folder / f"{head}_" if head else folder, found, name_of)
    return files


def _write_head(stem: Path, found: HeadDetails, name_of: NameOf) -> list[Path]:
    def path(name: str) -> Path:
        return stem / name if stem.is_dir() else stem.with_name(stem.name + name)

    files = []
    if found.rows:
        rows = [[_cell(value) for value in row.values()] for row in found.rows]
        files.append(_write(path("classes.csv"), list(found.rows[0]), rows))
    if found.confusion is not None:
        from lossbook.plots.confusion import draw_confusion

        if found.confusion.ndim == 2:
            table = [[name, *row] for name, row in zip(found.names, found.confusion.tolist(), strict=True)]
            files.append(_write(path("confusion.csv"), ["true \\ predicted", *found.names], table))
            draw_confusion(path("confusion.png"), found.confusion, found.names)
            files.append(path("confusion.png"))
        else:
            table = [[name, *np.ravel(one).tolist()] for name, one in zip(found.names, found.confusion, strict=True)]
            header = ["label", "true_negative", "false_positive", "false_negative", "true_positive"]
            files.append(_write(path("confusion.csv"), header, table))
    if found.wrong is not None:
        header = ["name", "target", "prediction", "confidence", "severity"]
        rows = [
            [name_of(one.index), one.true, one.said, _cell(one.confidence), _cell(one.severity)]
            for one in found.mistakes
        ]
        files.append(_write(path("mistakes.csv"), header, rows))
    return files


def print_details(out: Console, heads: Mapping[str, HeadDetails], name_of: NameOf, samples: int) -> None:
    """Print the table of classes, the calibration and the first mistakes of each head."""
    for head, found in heads.items():
        if head:
            out.print(f"\n[bold]{escape(head)}[/bold]")
        if found.rows:
            _print_classes(out, found.rows)
        if found.calibration:
            values = found.calibration
            out.print(
                f"calibration  error {values['ece']:.4f} at temperature {values['temperature']:.3g}, which validation"
                f" chose; {values['ece_uncalibrated']:.4f} without it"
            )
        if found.wrong is not None:
            _print_mistakes(out, found.mistakes, found.wrong, name_of, samples)


def _print_classes(out: Console, rows: Sequence[Row]) -> None:
    shown = list(rows)
    if len(rows) > _CLASSES:
        shown = sorted(rows, key=lambda row: _order(row["f1"]))[:_CLASSES]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in rows[0]:
        table.add_column(name, justify="left" if name == "class" else "right")
    for row in shown:
        table.add_row(*(escape(_text(value)) for value in row.values()))
    out.print(table)
    if len(shown) < len(rows):
        out.print(f"[dim]the {len(shown)} of {len(rows):,} classes with the lowest f1[/dim]")


def _print_mistakes(out: Console, mistakes: Sequence[Mistake], wrong: int, name_of: NameOf, samples: int) -> None:
    counted = f"{wrong:,} of {samples:,} samples" + ("; the worst:" if mistakes else "")
    out.print(f"mistakes     {counted if wrong < samples else 'the worst:'}")  # hardly a value is right to the digit
    for one in mistakes[:_MISTAKES]:
        sure = "" if one.confidence is None else f" ({one.confidence:.2f})"
        said = f"{one.said or 'nothing'}, not {one.true or 'nothing'}{sure}" if one.said or one.true else ""
        out.print(f"             {escape(name_of(one.index))}: {escape(said) or f'{one.severity:.1%} wrong'}")


def _order(value: Any) -> float:
    return math.inf if isinstance(value, float) and math.isnan(value) else float(value)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _cell(value: Any) -> Any:
    """Numbers in the seven digits of single precision; nothing for nan and None."""
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.7g}"
    return "" if value is None else value


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _write(path: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> Path:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    write_whole(path, lambda file: file.write(text.getvalue().encode()))
    return path
