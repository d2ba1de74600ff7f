"""Learning curves: the points of a run from its event files, and the mean over the seeds of a configuration."""

from __future__ import annotations

import csv
import logging
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lossbook.records.run import holds_run
from lossbook.report.leaderboard import Board, Row, Spread
from lossbook.report.runs import Run

Points = dict[int, float]  # step -> value


def read(folder: Path, tags: Sequence[str]) -> dict[str, Points]:
    """Read the curves of these tags from a run's event files, or from its ``metrics.csv`` if it wrote no events.

    Event files lie in the folder or below it, several if the run was resumed: of a step that occurs twice, the later
    value counts. A tag without finite points is left out.
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
        elif path.is_dir() and path.name not in ("checkpoints", "report") and not holds_run(path):
            yield from _event_files(path)


def _natural(path: Path) -> list[tuple[bool, int, str]]:
    """Return a sort key that puts ``version_2`` before ``version_10``."""
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in re.split(r"(\d+)", str(path))]


def _events(folder: Path, tags: Sequence[str]) -> dict[str, Points]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

    # 0 keeps all; of what is not drawn keep one, to save memory
    kept = {"scalars": 0, "tensors": 1, "images": 1, "histograms": 1, "compressedHistograms": 1, "audio": 1, "graph": 1}
    try:
        with _quiet():
            events = EventAccumulator(str(folder), size_guidance=kept).Reload()
        there = set(events.Tags()["scalars"]).intersection(tags)
        return {tag: {event.step: event.value for event in events.Scalars(tag)} for tag in there}
    except Exception:  # truncated, or no event file: as if there were none
        return {}


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what TensorBoard says of a resumed run, which has several files and repeats steps on purpose."""
    logger = logging.getLogger("tensorboard")
    logger.addFilter(_is_unexpected)
    try:
        yield
    finally:
        logger.removeFilter(_is_unexpected)


def _is_unexpected(record: logging.LogRecord) -> bool:
    message = record.getMessage()
    return record.levelno > logging.INFO and not message.startswith("Detected out of order event.step")


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
class MeanCurve:
    """The curve of a configuration: the mean over its seeds.

    Args:
        row: the configuration.
        at: positions on the axis, ascending.
        mean, low, high: over seeds; low and high are a deviation away, or the two values of two seeds.
        broken: curves of runs that were cut short, as (positions, values).
    """

    row: Row
    at: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    broken: tuple[tuple[tuple[float, ...], tuple[float, ...]], ...] = ()


@dataclass(frozen=True)
class BoardCurves:
    """The curves of a leaderboard's metric.

    Args:
        axis: ``epoch`` or ``step``.
        drawn: a curve per configuration that has one, the best first.
        without: how many ranked runs have no curve.
    """

    axis: str
    drawn: tuple[MeanCurve, ...]
    without: int

    @property
    def moving(self) -> bool:
        """Whether any curve has two points."""
        return any(len(line) > 1 for one in self.drawn for line in (one.at, *(at for at, _ in one.broken)))


def board_curves(board: Board) -> BoardCurves:
    """Read the learning curves of a leaderboard from the folders of its runs."""
    tag = board.contest.primary
    points = {run.folder: read(run.folder, [tag]).get(tag, {}) for row in board.rows for run in (*row.runs, *row.lost)}
    place = _places(board, points)
    drawn = [curve for row in board.rows if (curve := _curve(row, points, place or _step)) is not None]
    without = sum(not points[run.folder] for row in board.rows for run in row.runs)
    return BoardCurves("epoch" if place else "step", tuple(drawn), without)


Place = Callable[[Row, int], float]


def _step(row: Row, step: int) -> float:
    return step


def _places(board: Board, points: Mapping[Path, Points]) -> Place | None:
    """Return how steps become epochs; None if the epochs of a run differ in length or are unknown."""
    steps: dict[int, int] = {}
    for row in board.rows:
        for run in row.runs:
            if not run.steps or not run.epochs or run.steps % run.epochs:
                return None
            steps[id(row)] = run.steps // run.epochs
        for run in row.lost:  # cut short within an epoch; its first point ends one
            if points[run.folder] and id(row) not in steps:
                if not _every_epoch(run):
                    return None
                steps[id(row)] = min(points[run.folder]) + 1
    return (lambda row, step: (step + 1) / steps[id(row)]) if steps else None


def _every_epoch(run: Run) -> bool:
    """Return whether a run was validated at the end of every epoch, and only there."""
    node = run.config.get("trainer")
    trainer = node if isinstance(node, Mapping) else {}
    whole = trainer.get("val_check_interval")
    return trainer.get("check_val_every_n_epoch", 1) == 1 and (whole is None or str(whole) == "1.0")  # 1 is a batch


def _curve(row: Row, points: dict[Path, Points], place: Place) -> MeanCurve | None:
    each = [points[run.folder] for run in row.runs if points[run.folder]]
    cut = [points[run.folder] for run in row.lost if points[run.folder]]
    broken = tuple((tuple(place(row, step) for step in one), tuple(one.values())) for one in cut)
    steps = sorted(set.intersection(*map(set, each))) if each else []
    if not steps and not broken:
        return None
    spreads = [Spread(tuple(one[step] for one in each)) for step in steps]
    bands = [_band(spread) for spread in spreads]
    return MeanCurve(
        row,
        tuple(place(row, step) for step in steps),
        tuple(middle for _, middle, _ in bands),
        tuple(low for low, _, _ in bands),
        tuple(high for _, _, high in bands),
        broken,
    )


def _band(spread: Spread) -> tuple[float, float, float]:
    """Return low, mean and high: the mean and a deviation to either side, or the values of two seeds."""
    middle, off = spread.mean, spread.deviation
    assert middle is not None, "all seeds have a point here"
    if off is None or len(spread.values) < 3:
        return min(spread.values), middle, max(spread.values)
    return middle - off, middle, middle + off
