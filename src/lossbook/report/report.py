"""The report of a set of runs: who won and by how much, as tables and pictures in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lossbook.config.folders import OUTPUTS, claim, sweep_base
from lossbook.errors import nearest, refuse
from lossbook.files import write_whole
from lossbook.report.content import Picture, Report
from lossbook.report.contests import place_of
from lossbook.report.leaderboard import Board, boards
from lossbook.report.plan import Job
from lossbook.report.runs import Run, find
from lossbook.report.settings import varied
from lossbook.report.terminal import print_short

__all__ = ["Report", "print_short", "report"]


def report(folders: Sequence[Path], out: Path | None = None) -> Report:
    """Write ``README.md``, ``leaderboard.csv``, ``runs.csv`` and pictures about all runs in these folders.

    Args:
        folders: of runs, of sweeps, or any above them.
        out: where to; by default ``report`` in the one folder, and ``outputs/reports/<date>_<time>`` for several.

    Raises:
        UserError: a folder is not there, or there is no run in any of them.
    """
    from lossbook.report.readme import page
    from lossbook.report.tables import write_leaderboard, write_runs

    folders = [Path(folder) for folder in folders]
    for folder in folders:
        _check(folder)
    runs, plans = find(folders)
    if not runs:
        rule = "There is no run in it: no folder with a metrics.json or a config.yaml."
        raise refuse(" ".join(map(str, folders)), rule, "give the folder of a run, a sweep or all outputs")
    within = plans[0].folder.resolve() if len(plans) == 1 else None
    one_sweep = within is not None and plans[0].varied and all(run.folder.resolve().parent == within for run in runs)
    keys = varied(runs, plans[0].varied if one_sweep else None)
    found, unplaced = boards(runs, keys)
    if out is None:
        out = folders[0] / "report" if len(folders) == 1 else claim(OUTPUTS / "reports" / sweep_base().name)
    before = _pictures_before(out)
    known = {run.folder.resolve() for run in runs}
    jobs = [(plan, job) for plan in plans for job in plan.jobs]
    refused = [job for _, job in jobs if job.refused]
    missing = [
        job for plan, job in jobs if not job.refused and (plan.folder / str(job.number)).resolve() not in known
    ]  # fmt: skip
    made = Report(
        folders=tuple(folders),
        out=out,
        runs=tuple(runs),
        plans=tuple(plans),
        keys=tuple(dict.fromkeys((*keys, *(key for board in found for key in board.keys)))),
        boards=tuple(found),
        unplaced=tuple(unplaced),
        refused=tuple(refused),
        missing=tuple(missing),
        pictures=_pictures(found, refused, out),
    )
    write_leaderboard(made, out / "leaderboard.csv")
    write_runs(made, out / "runs.csv")
    write_whole(made.readme, lambda file: file.write(page(made).encode()))
    for name in before - {picture.path.name for pictures in made.pictures for picture in pictures}:
        (out / name).unlink(missing_ok=True)  # of an earlier report here
    return made


def _check(folder: Path) -> None:
    if folder.is_dir():
        return
    if folder.exists():
        raise refuse(str(folder), "This is a file, and runs are folders.", f"{folder.parent}")
    beside = folder.parent.iterdir() if folder.parent.is_dir() else []
    near = nearest(folder.name, [path.name for path in beside if path.is_dir() and _holds_runs(path)])
    fix = str(folder.parent / near) if near else "python scripts/train.py first, which writes into outputs/"
    raise refuse(str(folder), "There is no such folder.", fix)


def _holds_runs(folder: Path) -> bool:
    return any(next(folder.glob(f"{depth}metrics.json"), None) for depth in ("", "*/", "*/*/", "*/*/*/"))


def _pictures_before(out: Path) -> set[str]:
    """The names of the pictures in the report that was made here before; the folder is made.

    Raises:
        UserError: the folder cannot be written to, or its page is somebody else's.
    """
    from lossbook.report.readme import MARK, pictures_of

    try:
        out.mkdir(parents=True, exist_ok=True)
        readme = out / "README.md"
        text = readme.read_text(encoding="utf-8", errors="replace") if readme.exists() else MARK
    except OSError as error:
        rule = f"{error.strerror or error}."
        raise refuse(f"out={out}", rule, "out=DIR of a folder that can be written to") from error
    if MARK not in text:
        rule = "Its README.md is no report, and a report would take its place."
        raise refuse(f"out={out}", rule, f"out={out / 'report'}")
    return pictures_of(text)


def _pictures(found: Sequence[Board], refused: Sequence[Job], out: Path) -> tuple[tuple[Picture, ...], ...]:
    """For each board those that fit it."""
    members: dict[int, list[Run]] = {
        place: [run for row in board.rows for run in (*row.runs, *row.lost)] for place, board in enumerate(found)
    }
    by_contest = {board.contest: members[place] for place, board in enumerate(found)}
    where = {id(job): place_of(job, by_contest) for job in refused}
    return tuple(
        _of_board(board, [job for job in refused if where[id(job)] == board.contest], out, name)
        for board, name in zip(found, _names(found), strict=True)
    )


def _names(found: Sequence[Board]) -> list[str]:
    """What the files of each board end in, no two alike."""
    names = [_plain(board.title)[:80] for board in found]
    return [f"{name}-{at}" if name in names[:at] else name for at, name in enumerate(names)]


def _plain(text: str) -> str:
    """A text as part of a file's name."""
    return "".join(char if char.isalnum() or char in "._" else "-" for char in text).strip("-")


def _of_board(board: Board, refused: Sequence[Job], out: Path, name: str) -> tuple[Picture, ...]:
    from lossbook.report import heat_map, learning, ranking, swept
    from lossbook.report.curves import curves

    if not board.rows:
        return ()
    pictures = []
    if len(board.rows) > 1 and board.ranked:
        path = out / f"ranking-{name}.png"
        pictures.append(Picture(path, "ranking", ranking.draw(board, path)))
    if heat_map.fits(board, refused):
        path = out / f"pairs-{name}.png"
        pictures.append(Picture(path, "every pair", heat_map.draw(board, refused, path)))
    for key in swept.numbers_of(board):
        path = out / f"{_plain(key)}-{name}.png"
        pictures.append(Picture(path, key, swept.draw(board, key, path)))
    drawn = curves(board)
    if drawn.moving:
        path = out / f"curves-{name}.png"
        pictures.append(Picture(path, "learning curves", learning.draw(board, drawn, path)))
    if not pictures and board.ranked:
        path = out / f"ranking-{name}.png"
        pictures.append(Picture(path, "ranking", ranking.draw(board, path)))
    return tuple(pictures)
