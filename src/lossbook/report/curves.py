"""Learning curves: a run's points out of its event files, and the mean over the seeds of a configuration."""

from __future__ import annotations

import csv
import logging
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lossbook.report.leaderboard import Board, Row, Spread
from lossbook.report.runs import Run

Points = dict[int, float]  # step -> value


def read(folder: Path, tags: Sequence[str]) -> dict[str, Points]:
    """The curves of these tags in a run's event files, or in its ``metrics.csv`` where it wrote no events.

    Event files lie in the folder or below it, several where a run was resumed: of a step that is there twice, the later
    value counts. A tag without a point that is finite is left out.
    """
    found: dict[str, Points] = {tag: {} for tag in tags}
    for where in sorted({path.parent for path in _event_files(folder)}, key=_natural):
        for tag, points in _events(where, tags).items():
            found[tag].update(points)
    if not any(found.values()) and (folder / "metrics.csv").is_file():
        found = _rows(folder / "metrics.csv", tags)
    finite = {tag: {at: line[at] for at in sorted(line) if math.isfinite(line[at])} for tag, line in found.items()}
    return {tag: line for tag, line in finite.items() if line}


def _event_files(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_file() and "tfevents" in path.name:
            yield path
        elif path.is_dir() and path.name not in ("checkpoints", "report") and not _is_run(path):
            yield from _event_files(path)


def _natural(path: Path) -> list[tuple[bool, int, str]]:
    """Orders ``version_2`` before ``version_10``."""
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in re.split(r"(\d+)", str(path))]


def _is_run(folder: Path) -> bool:
    return (folder / "metrics.json").exists() or (folder / "config.yaml").exists()


def _events(folder: Path, tags: Sequence[str]) -> dict[str, Points]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

    # 0 keeps all; of what is not drawn, one: it would be kept in memory
    kept = {"scalars": 0, "tensors": 1, "images": 1, "histograms": 1, "compressedHistograms": 1, "audio": 1, "graph": 1}
    try:
        with _quiet():
            events = EventAccumulator(str(folder), size_guidance=kept).Reload()
        there = set(events.Tags()["scalars"]).intersection(tags)
        return {tag: {event.step: event.value for event in events.Scalars(tag)} for tag in there}
    except Exception:  # a file that is cut off or no event file: as if there were none
        return {}


@contextmanager
def _quiet() -> Iterator[None]:
    """Without TensorBoard's warning that steps came again: a resumed run means it, it says so in its events."""
    logger = logging.getLogger("tensorboard")
    logger.addFilter(_no_news)
    try:
        yield
    finally:
        logger.removeFilter(_no_news)


def _no_news(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith("Detected out of order event.step")


def _rows(path: Path, tags: Sequence[str]) -> dict[str, Points]:
    found: dict[str, Points] = {tag: {} for tag in tags}
    try:
        for row in csv.DictReader(path.read_text().splitlines()):
            for tag in tags:
                if row.get(tag):
                    found[tag][int(row["step"])] = float(row[tag])
    except (OSError, ValueError, KeyError):
        pass
    return found


@dataclass(frozen=True)
class Curve:
    """A configuration's curve of one metric.

    Args:
        row: the configuration.
        at: places on the axis, ascending.
        mean, low, high: over seeds: low and high are a deviation away, with two seeds they are the two.
        broken: those of runs that were broken off, as (places, values).
    """

    row: Row
    at: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    broken: tuple[tuple[tuple[float, ...], tuple[float, ...]], ...] = ()


@dataclass(frozen=True)
class Curves:
    """A board's curves of its metric.

    Args:
        axis: ``epoch`` or ``step``.
        drawn: a curve a configuration that left one, the best first.
        without: how many of the runs that were ranked left no curve.
    """

    axis: str
    drawn: tuple[Curve, ...]
    without: int

    @property
    def moving(self) -> bool:
        """Whether any has two points: one epoch makes no curve."""
        return any(len(line) > 1 for one in self.drawn for line in (one.at, *(at for at, _ in one.broken)))


def curves(board: Board) -> Curves:
    """The learning curves of this board, read out of its runs' folders."""
    tag = board.contest.primary
    points = {run.folder: read(run.folder, [tag]).get(tag, {}) for row in board.rows for run in (*row.runs, *row.lost)}
    place = _places(board, points)
    drawn = [curve for row in board.rows if (curve := _curve(row, points, place or _step)) is not None]
    without = sum(not points[run.folder] for row in board.rows for run in row.runs)
    return Curves("epoch" if place else "step", tuple(drawn), without)


Place = Callable[[Row, int], float]


def _step(row: Row, step: int) -> float:
    return step


def _places(board: Board, points: Mapping[Path, Points]) -> Place | None:
    """How steps become epochs; None where a run's epochs are not of the same number of steps each, or not known."""
    steps: dict[int, int] = {}
    for row in board.rows:
        for run in row.runs:
            if not run.steps or not run.epochs or run.steps % run.epochs:
                return None
            steps[id(row)] = run.steps // run.epochs
        for run in row.lost:  # broken off within an epoch; its first point ends one
            if points[run.folder] and id(row) not in steps:
                if not _every_epoch(run):
                    return None
                steps[id(row)] = min(points[run.folder]) + 1
    return (lambda row, step: (step + 1) / steps[id(row)]) if steps else None


def _every_epoch(run: Run) -> bool:
    """Whether a run was validated at the end of each epoch, and not in between."""
    node = run.config.get("trainer")
    trainer = node if isinstance(node, Mapping) else {}
    whole = trainer.get("val_check_interval")
    return trainer.get("check_val_every_n_epoch", 1) == 1 and (whole is None or str(whole) == "1.0")  # 1 is a batch


def _curve(row: Row, points: dict[Path, Points], place: Place) -> Curve | None:
    each = [points[run.folder] for run in row.runs if points[run.folder]]
    cut = [points[run.folder] for run in row.lost if points[run.folder]]
    broken = tuple((tuple(place(row, step) for step in one), tuple(one.values())) for one in cut)
    steps = sorted(set.intersection(*map(set, each))) if each else []
    if not steps and not broken:
        return None
    spreads = [Spread(tuple(one[step] for one in each)) for step in steps]
    bands = [_band(spread) for spread in spreads]
    return Curve(
        row,
        tuple(place(row, step) for step in steps),
        tuple(middle for _, middle, _ in bands),
        tuple(low for low, _, _ in bands),
        tuple(high for _, _, high in bands),
        broken,
    )


def _band(spread: Spread) -> tuple[float, float, float]:
    """The mean between a deviation to either side; of two seeds, between the two."""
    middle, off = spread.mean, spread.deviation
    assert middle is not None, "all seeds have a point here"
    if off is None or len(spread.values) < 3:
        return min(spread.values), middle, max(spread.values)
    return middle - off, middle, middle + off
