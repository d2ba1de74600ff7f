"""Leaderboards: configurations ranked by the mean of their metric over seeds or folds."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from lossbook.report.contests import Contest, batch, contests, titles
from lossbook.report.cross_validation import fold_of, half_width, tested_over_trained
from lossbook.report.names import labels
from lossbook.report.ranks import Standing, places
from lossbook.report.runs import Run
from lossbook.report.settings import distinguishing, edited, named, text, value_of, values

UNKNOWN = "\N{DAGGER}"  # marks runs without a data fingerprint


@dataclass(frozen=True)
class Spread:
    """The values of several seeds or folds: their mean, and their sample deviation (None for one)."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float | None:
        return statistics.fmean(self.values) if self.values else None

    @property
    def deviation(self) -> float | None:
        return statistics.stdev(self.values) if len(self.values) > 1 else None

    def __str__(self) -> str:
        if self.mean is None:
            return ""
        return shown(self.mean) + ("" if self.deviation is None else f" ± {shown(self.deviation, self.mean)}")


def content_unknown(runs: int) -> str:
    """Return what the mark of runs without a fingerprint means."""
    which = "One run has" if runs == 1 else f"{runs} runs have"
    return f"{which} no data fingerprint, and may have used different data from the rest."


def shown(value: float, beside: float | None = None) -> str:
    """Format a value with four decimals, or with three digits if it is very small or large.

    ``beside``: the value that a deviation or a difference belongs to, which decides between the two.
    """
    size = abs(value if beside is None else beside)
    return f"{value:.4f}" if size == 0 or 1e-3 <= size < 1e5 else f"{value:.3g}"


@dataclass(frozen=True)
class Row:
    """One configuration.

    Args:
        values: of the settings that varied, in the order of the leaderboard's keys.
        label: short, unique in the leaderboard.
        runs: that gave a result, one per seed and fold.
        lost: runs of the seeds and folds without a result: failed, pruned or unfinished.
        rank: from 1, shared by ties; None if no run gave a result.
    """

    values: tuple[str, ...]
    label: str
    runs: tuple[Run, ...]
    lost: tuple[Run, ...]
    rank: int | None = None

    @property
    def result(self) -> Spread:
        """The metric of the ranking, on validation."""
        return Spread(tuple(self.by_fold().values())) if self.folded else self._over_runs(lambda run: run.result)

    @property
    def tested(self) -> Spread:
        """The same metric on the test part."""
        if self.folded:
            return Spread(tuple(self.by_fold(tested=True).values()))
        return self._over_runs(lambda run: run.tested)

    def _over_runs(self, value: Callable[[Run], float | None]) -> Spread:
        return Spread(tuple(found for run in self.runs if (found := value(run)) is not None))

    @property
    def folded(self) -> bool:
        """Whether its runs are folds of a cross-validation."""
        return any(map(fold_of, (*self.runs, *self.lost)))

    @property
    def unit(self) -> str:
        """What is averaged over: ``seed`` or ``fold``."""
        return "fold" if self.folded else "seed"

    def by_fold(self, tested: bool = False) -> dict[str, float]:
        """Return the metric of each fold, on validation or on the test part; a mean where it was run with more seeds.

        By fold, in ascending order.
        """
        found: dict[str, list[float]] = defaultdict(list)
        for run in sorted(self.runs, key=lambda run: (len(fold_of(run)), fold_of(run))):
            if (value := run.tested if tested else run.result) is not None:
                found[fold_of(run)].append(value)
        return {fold: statistics.fmean(values) for fold, values in found.items()}

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the mean over folds, on the test part where it was tested; None without two folds."""
        part, spread = ("test", self.tested) if self.tested.values else ("val", self.result)
        if not self.folded or spread.mean is None:
            return None
        half = half_width(spread.values, tested_over_trained(self.runs, part))
        return None if half is None else (spread.mean - half, spread.mean + half)

    @property
    def told_interval(self) -> str:
        """The interval as ``0.9012 to 0.9245``, or empty."""
        return "" if self.interval is None else " to ".join(shown(end, self.interval[1]) for end in self.interval)

    @property
    def told_test(self) -> str:
        """The test metric, with the number of seeds or folds if not all were tested."""
        few = 0 < len(self.tested.values) < len(self.result.values)
        of = f" ({len(self.tested.values)} of {len(self.result.values)} {self.unit}s)"
        return f"{self.tested}{of if few else ''}"

    @property
    def loss(self) -> float | None:
        """The mean val/loss, which breaks ties within the same criterion."""
        return Spread(tuple(value for run in self.runs if (value := run.metrics.get("val/loss")) is not None)).mean

    @property
    def wall(self) -> float | None:
        """The mean time of a run, in seconds."""
        return Spread(tuple(run.wall for run in self.runs if run.wall is not None)).mean

    @property
    def memory(self) -> float | None:
        """The largest peak memory of its runs, in MB."""
        return max((run.memory for run in self.runs if run.memory is not None), default=None)

    @property
    def gpu_memory(self) -> float | None:
        """The largest peak GPU memory of its runs, in MB."""
        return max((run.gpu_memory for run in self.runs if run.gpu_memory is not None), default=None)

    @property
    def ending(self) -> str:
        """How the runs without a result ended: ``failed``, ``failed, pruned``."""
        return ", ".join(dict.fromkeys(run.ending for run in self.lost))

    @property
    def told_count(self) -> str:
        """How many seeds or folds gave a result, as ``2 of 3`` if not all did."""
        good, every = len(self.runs), len(self.runs) + len(self.lost)
        if self.folded:
            good, every = (len(set(map(fold_of, runs))) for runs in (self.runs, (*self.runs, *self.lost)))
        return str(good) if good == every else f"{good} of {every}"

    @property
    def unknown(self) -> int:
        """How many of its runs have no data fingerprint."""
        return sum(run.fingerprint is None for run in self.runs)

    @property
    def mark(self) -> str:
        """The mark of a row whose runs may have used different data from the rest."""
        return UNKNOWN if self.unknown else ""


@dataclass(frozen=True)
class Board:
    """The configurations of a contest, the best first, those without a result last.

    Args:
        contest: what they have in common.
        title: of the contest, unique.
        keys: of the settings that vary within it.
        fixed: (key, value) of settings that vary among all runs but not within it.
        rows: ranked.
        repeats: how many runs are ignored because a later one has the same settings, seed and fold.
    """

    contest: Contest
    title: str
    keys: tuple[str, ...]
    fixed: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]
    repeats: int = 0

    @property
    def unit(self) -> str:
        """What is averaged over: ``seed`` or ``fold``."""
        return self.rows[0].unit

    @property
    def ranked(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.rank is not None)

    @property
    def winners(self) -> tuple[Row, ...]:
        """The rows in first place, usually one."""
        return tuple(row for row in self.rows if row.rank == 1)

    def value(self, row: Row, key: str) -> str:
        """Return a row's value of any setting, whether or not it varies in this leaderboard."""
        return _only((*row.runs, *row.lost), key)


def boards(runs: Sequence[Run], keys: Sequence[str]) -> tuple[list[Board], list[Run]]:
    """Return a leaderboard for each contest, the one with the most configurations first, and runs without one.

    Args:
        runs: all.
        keys: of the settings that vary among them.
    """
    by_contest, unplaced = contests(runs)
    found = [
        _board(contest, title, by_contest[contest], keys)
        for contest, title in zip(by_contest, titles(list(by_contest)), strict=True)
    ]
    return sorted(found, key=lambda board: (-len(board.rows), board.title)), unplaced


def _board(contest: Contest, title: str, runs: Sequence[Run], keys: Sequence[str]) -> Board:
    told = distinguishing(runs, keys)
    inner = (*told, *edited(runs, told))
    fixed = tuple((key, _only(runs, key)) for key in keys if key not in inner and _only(runs, key))
    groups: dict[tuple[str, ...], list[Run]] = defaultdict(list)
    for run in runs:
        groups[tuple(value_of(run, key) for key in inner)].append(run)
    shown_keys = inner or tuple(key for key in ("loss", "optim") if value_of(runs[0], key))
    texts = [chosen if inner else tuple(value_of(runs[0], key) for key in shown_keys) for chosen in groups]
    typed = [[key for key in shown_keys if named(members, key)] for members in groups.values()]
    rows, repeats = [], 0
    for (chosen, members), label in zip(groups.items(), labels(shown_keys, texts, typed), strict=True):
        latest = _latest(members)
        repeats += len(members) - len(latest)
        good = tuple(run for run in latest if run.counts)
        rows.append(Row(chosen, label, good, tuple(run for run in latest if not run.counts)))
    order = places([_standing(contest, row) for row in rows])
    ranked = tuple(replace(rows[at], rank=rank) for at, rank in order)
    return Board(contest, title, inner, fixed, ranked, repeats)


def _only(runs: Sequence[Run], key: str) -> str:
    """Return the value that all runs share, as far as known; empty if there are several."""
    found = values(runs, key)
    return found.pop() if len(found) == 1 else ""


def _latest(runs: Sequence[Run]) -> list[Run]:
    """Return a run per seed and fold, the last with a result or else the last: repeating a run is no second sample."""
    latest: dict[tuple[str, str], Run] = {}
    for run in sorted(runs, key=lambda run: (run.counts, run.ended, run.number or 0)):
        latest[value_of(run, "seed"), fold_of(run)] = run
    kept = {id(run) for run in latest.values()}
    return [run for run in runs if id(run) in kept]


def _standing(contest: Contest, row: Row) -> Standing:
    mean = row.result.mean
    criterion = {f"{value_of(run, 'loss')} {text(run.config.get('loss'))} {batch(run.config)}" for run in row.runs}
    return Standing(None if mean is None else contest.better(mean), row.loss, "; ".join(sorted(criterion)), row.label)
