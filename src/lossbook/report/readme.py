"""The report as a Markdown page."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from itertools import groupby, pairwise
from pathlib import Path

from lossbook.invocation import as_typed, words
from lossbook.report.content import Picture, Report, counts, different_data, winner_of
from lossbook.report.leaderboard import UNKNOWN, Board, Row, content_unknown
from lossbook.report.markdown import escaped, few, link, megabytes, seconds, table
from lossbook.report.ranks import rounded
from lossbook.report.runs import Run
from lossbook.report.settings import named
from lossbook.report.verdict import verdict, winner

MARK = "`leaderboard.csv` has all configurations, `runs.csv` every run with all its"
"""The last line of every report, by which earlier ones are recognized: it must not change."""
_ROWS = 60  # of a table; leaderboard.csv has all
_NAMES = 6  # of jobs that ended the same way


def page(report: Report) -> str:
    """Return the page, which expects its pictures beside it."""
    parts = [f"# {_headline(report)}", f"{counts(report)}."]
    if len(report.boards) > 1:
        parts += ["Runs are ranked only against those with the same metric on the same data.", _overview(report)]
    if note := different_data(report):
        parts.append(escaped(note))
    for board, pictures in zip(report.boards, report.pictures, strict=True):
        parts += [f"## {escaped(board.title)}", *_section(board, pictures), *_best(board, report)]
    parts += [*_lost(report), *_refused(report.refused), *_missing(report.missing), *_made(report)]
    names = [picture.path.name for pictures in report.pictures for picture in pictures]
    return "\n\n".join([*parts, f"<!-- pictures: {json.dumps(names)} -->"]) + "\n"


def pictures_of(text: str) -> set[str]:
    """Return the names of the pictures that a page was written with."""
    found = re.search(r"^<!-- pictures: (\[.*\]) -->$", text, re.MULTILINE)
    return set(json.loads(found[1])) if found else set()


def _headline(report: Report) -> str:
    ranked = [board for board in report.boards if board.ranked]
    note = f" ({report.unfinished})" if report.unfinished else ""
    if not ranked:
        return f"No run gave a result{note}"
    if len(ranked) > 1:
        return f"{len(report.runs)} runs, {len(ranked)} leaderboards{note}"
    return escaped(f"{ranked[0].title}: {winner(ranked[0])}, {ranked[0].ranked[0].result}{note}")


def _overview(report: Report) -> str:
    rows = []
    for board in report.boards:
        best = board.ranked[0] if board.ranked else None
        results = [winner(board), str(best.result), best.told_test] if best else ["", "", ""]
        rows.append([escaped(text) for text in (board.title, str(len(board.rows)), *results)])
    return table(["metric and data", "configurations", "best", "validation", "test"], rows)


def _section(board: Board, pictures: Sequence[Picture]) -> list[str]:
    parts = [f"**{escaped(verdict(board))}**"]
    members = [run for row in board.rows for run in (*row.runs, *row.lost)]
    typed = [(key, value) for key, value in board.fixed if named(members, key) and not _in_title(board, key, value)]
    if typed and board.keys:
        parts.append("All with " + ", ".join(f"`{key}={value}`" for key, value in typed) + ".")
    rows = board.rows[:_ROWS]
    tested = any(row.tested.values for row in rows)
    header = ["rank", *([f"`{key}`" for key in board.keys] or ["configuration"])]
    header += [f"{board.contest.primary} ({board.contest.mode})", *(["test"] if tested else [])]
    on_gpu = any(row.gpu_memory is not None for row in rows)
    header += ["seeds", "time", "memory", *(["GPU memory"] if on_gpu else [])]
    parts.append(table(header, [_cells(board, row, tested, on_gpu) for row in rows]))
    chose = (
        "Mean ± sample deviation over seeds. Ranked by validation at each run's best epoch, a slightly optimistic value"
    )
    chose += "; the test value is of the same weights and was not used to choose them." if tested else "."
    chose += " Ties are ordered by val/loss." if _by_loss(rows) else ""
    more = f" The other {len(board.rows) - len(rows)} are in leaderboard.csv." if len(rows) < len(board.rows) else ""
    parts.append(f"{chose} Time is a run's mean, memory its largest peak.{more}")
    if unknown := sum(row.unknown for row in rows):
        parts.append(f"{UNKNOWN} {content_unknown(unknown)}")
    if board.repeats:
        are = "are" if board.repeats > 1 else "is"
        runs = f"{board.repeats} run{'s' if board.repeats > 1 else ''}"
        parts.append(f"{runs} with the same settings and the same seed as another {are} not counted.")
    for one in pictures:
        parts += [f"![{escaped(f'{one.name}: {board.title}')}]({one.path.name})", one.caption]
    return parts


def _best(board: Board, report: Report) -> list[str]:
    """Return where the winner's best run is, and the command that reproduces it."""
    best = winner_of(board, report)
    if best is None:
        return []
    weights = f", its weights are in `{best.checkpoint}`" if best.checkpoint else ""
    if not best.command:
        return [f"The best run is `{best.folder}`{weights}."]
    return [f"The best run is `{best.folder}`{weights}. To reproduce it:", f"    {best.command}"]


def _by_loss(rows: Sequence[Row]) -> bool:
    """Return whether any two are equal in the metric and differ in rank."""
    pairs = pairwise(row for row in rows if row.rank)
    return any(rounded(a.result.mean) == rounded(b.result.mean) and a.rank != b.rank for a, b in pairs)


def _in_title(board: Board, key: str, value: str) -> bool:
    return key == "data" or f"{key}={value}" in re.split(r"[ (),]+", board.title)


def _cells(board: Board, row: Row, tested: bool, on_gpu: bool) -> list[str]:
    values = [escaped(value) for value in (row.values if board.keys else [row.label])]
    results = [f"**{row.result}**" if row.rank == 1 else str(row.result), *([row.told_test] if tested else [])]
    memory = [megabytes(row.memory), *([megabytes(row.gpu_memory)] if on_gpu else [])]
    return [str(row.rank or ""), *values, *results, row.seeds + row.mark, seconds(row.wall), *memory]


def _lost(report: Report) -> list[str]:
    """Return the table of runs without a result, equal messages in one row: a whole sweep may fail alike."""
    if not report.lost:
        return []
    rows = []
    for (ending, message), same in groupby(sorted(report.lost, key=_end), key=_end):
        runs = list(same)
        rows.append([ending, str(len(runs)), few([_linked(run, report) for run in runs], _NAMES), escaped(message)])
    return ["## Runs without a result", table(["status", "runs", "which", "message"], rows)]


def _end(run: Run) -> tuple[str, str]:
    return run.ending, run.message or ("" if run.primary else "It does not record which metric it watched.")


def _linked(run: Run, report: Report) -> str:
    number = "" if run.number is None or run.name == str(run.number) else f"#{run.number} "
    return link(number + run.name, run.folder, report.out)


def _refused(jobs: Sequence[Run]) -> list[str]:
    if not jobs:
        return []
    rows = []
    for reason, same in groupby(sorted(jobs, key=lambda job: job.message), key=lambda job: job.message):
        names = [escaped(job.name) for job in same]
        rows.append([str(len(names)), few(names, _NAMES), escaped(reason)])
    return [
        "## Refused",
        "These were not run; they do not count as failures.",
        table(["jobs", "which", "reason"], rows),
    ]


def _missing(jobs: Sequence[Run]) -> list[str]:
    return ["## Not run yet", f"{few([escaped(job.name) for job in jobs], 20)}."] if jobs else []


def _made(report: Report) -> list[str]:
    commands = [[*_script(plan.command[0]), *plan.command[1:]] for plan in report.plans.values() if plan.command]
    own = list(report.folders) == [report.out.parent] and report.out.name == "report"  # the default
    given = [*map(str, report.folders), *([] if own else [f"out={report.out}"])]
    commands.append([*as_typed("python scripts/report.py").split(), *given])
    return ["## How it was made", "\n".join(f"    {shlex.join(one)}" for one in commands), f"{MARK} metrics."]


def _script(path: str) -> list[str]:
    """Return a script as one types it: ``python scripts/train.py``, wherever the repository was."""
    script = Path(path)
    if script.is_absolute() and script.parent.name == "scripts":
        return ["python", f"scripts/{script.name}"]
    typed = words(path)
    return ["python", script.name] if typed[0] == "python" and script.is_absolute() else typed
