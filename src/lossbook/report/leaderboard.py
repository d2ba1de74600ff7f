"""Who won: configurations ranked by the mean of their figure over seeds."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lossbook.report.contests import Contest, batch, contests, titles
from lossbook.report.names import labels
from lossbook.report.ranks import Standing, places
from lossbook.report.runs import Run
from lossbook.report.settings import named, telling, text, unnamed, value_of, values

UNKNOWN = "\N{DAGGER}"  # marks runs that do not say what their data held


@dataclass(frozen=True)
class Spread:
    """Figures of several seeds: their mean, and their sample deviation, which one seed has not."""

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
    """What the mark of such runs means."""
    which = "One run does" if runs == 1 else f"{runs} runs do"
    return f"{which} not say what the data held, and may have seen other data than the rest."


def shown(value: float, beside: float | None = None) -> str:
    """Four decimals, as everywhere; of what would vanish or run on, three digits.

    ``beside``: the figure that a deviation or a difference belongs to; it has as many decimals.
    """
    size = abs(value if beside is None else beside)
    return f"{value:.4f}" if size == 0 or 1e-3 <= size < 1e5 else f"{value:.3g}"


@dataclass(frozen=True)
class Row:
    """One configuration.

    Args:
        values: of the settings that varied, in the order of the board's keys.
        label: short, no other row of the board has it.
        runs: that its figures are of, one a seed.
        lost: what stands for the seeds without a figure: failed, pruned or unfinished.
        rank: from 1, shared by those that are level; None where no seed succeeded.
    """

    values: tuple[str, ...]
    label: str
    runs: tuple[Run, ...]
    lost: tuple[Run, ...]
    rank: int | None = None

    @property
    def figure(self) -> Spread:
        """Of the metric that is ranked by, on validation."""
        return Spread(tuple(run.figure for run in self.runs if run.figure is not None))

    @property
    def tested(self) -> Spread:
        """Of the same metric on the test part."""
        return Spread(tuple(run.tested for run in self.runs if run.tested is not None))

    @property
    def told_test(self) -> str:
        """The test figure, with the number of seeds where not all were tested."""
        few = 0 < len(self.tested.values) < len(self.runs)
        return f"{self.tested} ({len(self.tested.values)} of {len(self.runs)} seeds)" if few else str(self.tested)

    @property
    def loss(self) -> float | None:
        """The mean of val/loss, which decides between equals of one and the same loss."""
        return Spread(tuple(value for run in self.runs if (value := run.metrics.get("val/loss")) is not None)).mean

    @property
    def wall(self) -> float | None:
        """Mean time of a run, in seconds."""
        return Spread(tuple(run.wall for run in self.runs if run.wall is not None)).mean

    @property
    def memory(self) -> float | None:
        """The largest peak of its runs, in MB."""
        return max((run.memory for run in self.runs if run.memory is not None), default=None)

    @property
    def gpu_memory(self) -> float | None:
        """The largest peak of its runs on a GPU, in MB."""
        return max((run.gpu_memory for run in self.runs if run.gpu_memory is not None), default=None)

    @property
    def ending(self) -> str:
        """How the runs ended that gave no figure: ``failed``, ``failed, pruned``."""
        return ", ".join(dict.fromkeys(run.ending for run in self.lost))

    @property
    def seeds(self) -> str:
        """How many seeds have a figure, and of how many where that is fewer."""
        return f"{len(self.runs)} of {len(self.runs) + len(self.lost)}" if self.lost else str(len(self.runs))

    @property
    def unknown(self) -> int:
        """How many of its runs do not say what their data held."""
        return sum(run.fingerprint is None for run in self.runs)

    @property
    def mark(self) -> str:
        """Of a row whose runs may have seen other data than the rest."""
        return UNKNOWN if self.unknown else ""


@dataclass(frozen=True)
class Board:
    """A contest's configurations, the best first, those without a figure last.

    Args:
        contest: what they share.
        title: of the contest; no other has it.
        keys: of the settings that vary within it.
        fixed: (key, value) of those that vary among the runs and not within it.
        rows: ranked.
        repeats: how many runs count for nothing, since a later one has the same settings and the same seed.
    """

    contest: Contest
    title: str
    keys: tuple[str, ...]
    fixed: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]
    repeats: int = 0

    @property
    def ranked(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.rank is not None)

    @property
    def winners(self) -> tuple[Row, ...]:
        """Those that share the first place, one as a rule."""
        return tuple(row for row in self.rows if row.rank == 1)

    def value(self, row: Row, key: str) -> str:
        """A row's value of any of the settings, within this board or not."""
        return _only((*row.runs, *row.lost), key)


def boards(runs: Sequence[Run], keys: Sequence[str]) -> tuple[list[Board], list[Run]]:
    """A leaderboard for each contest, the one with the most configurations first; and the runs that fit in none.

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
    told = telling(runs, keys)
    inner = (*told, *unnamed(runs, told))
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
    """The value that all of them have, as far as it is known; empty where there are several."""
    found = values(runs, key)
    return found.pop() if len(found) == 1 else ""


def _latest(runs: Sequence[Run]) -> list[Run]:
    """One run a seed, the last that has a figure or the last at all: the same thing done twice is no second sample."""
    by_seed: dict[str, Run] = {}
    for run in sorted(runs, key=lambda run: (run.counts, run.ended, run.number or 0)):
        by_seed[value_of(run, "seed")] = run
    kept = {id(run) for run in by_seed.values()}
    return [run for run in runs if id(run) in kept]


def _standing(contest: Contest, row: Row) -> Standing:
    mean = row.figure.mean
    criterion = {f"{value_of(run, 'loss')} {text(run.config.get('loss'))} {batch(run.config)}" for run in row.runs}
    return Standing(None if mean is None else contest.better(mean), row.loss, "; ".join(sorted(criterion)), row.label)
