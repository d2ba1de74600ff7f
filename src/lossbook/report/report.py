"""Writing the report of a set of runs: which configuration won and by how much, as tables and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lossbook.config.folders import OUTPUTS, claim, sweep_base
from lossbook.errors import nearest, refuse
from lossbook.files import write_whole
from lossbook.records.run import METRICS
from lossbook.report.content import Picture, Report
from lossbook.report.contests import place_of
from lossbook.report.leaderboard import Board, boards
from lossbook.report.runs import Run, find_runs, jobs_as_runs
from lossbook.report.settings import varied
from lossbook.report.terminal import print_short

__all__ = ["Report", "print_short", "report"]


def report(folders: Sequence[Path], out: Path | None = None) -> Report:
    """Write ``README.md``, ``leaderboard.csv``, ``runs.csv`` and pictures about all runs in these folders.

    Args:
        folders: of runs, of sweeps, or any above them.
        out: folder to write to; by default ``report`` in the one folder, ``outputs/reports/<date>_<time>`` for several.

    Raises:
        UserError: a folder is missing, or none of them holds a run.
    """
    from lossbook.report.readme import page
    from lossbook.report.tables import write_leaderboard, write_runs

    folders = [Path(folder) for folder in folders]
    for folder in folders:
        _check(folder)
    runs, plans = find_runs(folders)
    if not runs:
        rule = "It holds no run: no folder with a metrics.json or a config.yaml."
        raise refuse(" ".join(map(str, folders)), rule, "give the folder of a run, a sweep or all outputs")
    parents = {run.folder.resolve().parent for run in runs}
    sweep_keys = next(iter(plans.values())).varied if len(plans) == 1 and parents == set(plans) else ()
    keys = varied(runs, sweep_keys or None)
    found, unplaced = boards(runs, keys)
    if out is None:
        out = folders[0] / "report" if len(folders) == 1 else claim(OUTPUTS / "reports" / sweep_base().name)
    before = _pictures_before(out)
    known = {run.folder.resolve() for run in runs}
    jobs = [job for folder, plan in plans.items() for job in jobs_as_runs(folder, plan)]
    refused = [job for job in jobs if job.status == "refused"]
    missing = [job for job in jobs if job.status != "refused" and job.folder.resolve() not in known]
    made = Report(
        folders=tuple(folders),
        out=out,
        runs=tuple(runs),
        plans=plans,
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
        raise refuse(str(folder), "This is a file; a run is a folder.", f"{folder.parent}")
    beside = folder.parent.iterdir() if folder.parent.is_dir() else []
    near = nearest(folder.name, [path.name for path in beside if path.is_dir() and _holds_runs(path)])
    fix = str(folder.parent / near) if near else "run python scripts/train.py first, which writes into outputs/"
    raise refuse(str(folder), "There is no such folder.", fix)


def _holds_runs(folder: Path) -> bool:
    return any(next(folder.glob(f"{depth}{METRICS}"), None) for depth in ("", "*/", "*/*/", "*/*/*/"))


def _pictures_before(out: Path) -> set[str]:
    """Make the folder, and return the names of the pictures of an earlier report in it.

    Raises:
        UserError: the folder cannot be written to, or its README.md is not a report.
    """
    from lossbook.report.readme import MARK, pictures_of

    try:
        out.mkdir(parents=True, exist_ok=True)
        readme = out / "README.md"
        text = readme.read_text(encoding="utf-8", errors="replace") if readme.exists() else MARK
    except OSError as error:
        rule = f"{error.strerror or error}."
        raise refuse(f"out={out}", rule, "out=DIR with a folder that you can write to") from error
    if MARK not in text:
        rule = "Its README.md is not a report, and would be overwritten by one."
        raise refuse(f"out={out}", rule, f"out={out / 'report'}")
    return pictures_of(text)


def _pictures(found: Sequence[Board], refused: Sequence[Run], out: Path) -> tuple[tuple[Picture, ...], ...]:
    """Draw the pictures that suit each leaderboard."""
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
    """Return a unique suffix for the file names of each leaderboard."""
    names = [_plain(board.title)[:80] for board in found]
    return [f"{name}-{at}" if name in names[:at] else name for at, name in enumerate(names)]


def _plain(text: str) -> str:
    """Return a text as part of a file name."""
    return "".join(char if char.isalnum() or char in "._" else "-" for char in text).strip("-")


def _of_board(board: Board, refused: Sequence[Run], out: Path, name: str) -> tuple[Picture, ...]:
    from lossbook.report.curves import board_curves
    from lossbook.report.heat_map import draw_heat_map, has_heat_map
    from lossbook.report.learning_curves import draw_learning_curves
    from lossbook.report.parameter_plot import draw_parameter, numeric_settings
    from lossbook.report.ranking_plot import draw_ranking

    if not board.rows:
        return ()
    pictures = []
    if len(board.rows) > 1 and board.ranked:
        path = out / f"ranking-{name}.png"
        pictures.append(Picture(path, "ranking", draw_ranking(board, path)))
    if has_heat_map(board, refused):
        path = out / f"pairs-{name}.png"
        pictures.append(Picture(path, "every pair", draw_heat_map(board, refused, path)))
    for key in numeric_settings(board):
        path = out / f"{_plain(key)}-{name}.png"
        pictures.append(Picture(path, key, draw_parameter(board, key, path)))
    drawn = board_curves(board)
    if drawn.moving:
        path = out / f"curves-{name}.png"
        pictures.append(Picture(path, "learning curves", draw_learning_curves(board, drawn, path)))
    if not pictures and board.ranked:
        path = out / f"ranking-{name}.png"
        pictures.append(Picture(path, "ranking", draw_ranking(board, path)))
    return tuple(pictures)
