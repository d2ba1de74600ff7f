"""The short report on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lossbook.report.content import Report, counts, different_data, winner_of
from lossbook.report.leaderboard import UNKNOWN, Board, Row, content_unknown
from lossbook.report.markdown import megabytes, seconds
from lossbook.report.verdict import verdict

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_ROWS = 10  # of each leaderboard
_LOST = 5  # rows without a result, below them
_BOARDS = 12
WIDTH = 100


def print_short(report: Report, console: Console | None = None) -> None:
    """Print the best of each leaderboard, what failed, and where the full report is."""
    from rich.console import Console
    from rich.markup import escape

    out = console or Console(width=WIDTH, highlight=False)
    if note := different_data(report):
        out.print(f"[dim]note   [/dim] {escape(note)}\n")
    for board in report.boards[:_BOARDS]:
        out.print(f"[bold]{escape(board.title)}[/bold]  {escape(verdict(board))}\n")
        if len(board.rows) > 1:
            rows = [*board.ranked[:_ROWS], *[row for row in board.rows if row.rank is None][:_LOST]]
            out.print(_table(board, rows))
            if len(rows) < len(board.rows):
                out.print(f"[dim]and {len(board.rows) - len(rows)} more[/dim]")
            if unknown := sum(row.unknown for row in rows):
                out.print(f"[dim]{UNKNOWN} {content_unknown(unknown)}[/dim]")
            out.print()
        if (best := winner_of(board, report)) is not None:
            out.print(f"[dim]best   [/dim] {escape(str(best.checkpoint or best.folder))}", soft_wrap=True)
            if best.command:
                out.print(f"[dim]again  [/dim] {escape(best.command)}", soft_wrap=True)
            out.print()
    if len(report.boards) > _BOARDS:
        out.print(f"[dim]and {len(report.boards) - _BOARDS} more leaderboards[/dim]\n")
    if report.lost or report.refused or report.missing:
        out.print(escape(counts(report)))
    out.print(f"report  {escape(str(report.readme))}", soft_wrap=True)


def _table(board: Board, rows: Sequence[Row]) -> Table:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    tested = any(row.tested.values for row in rows)
    sized = any(row.memory is not None for row in rows)
    on_gpu = any(row.gpu_memory is not None for row in rows)
    sizes = [*(["memory"] if sized else []), *(["GPU"] if on_gpu else [])]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("", justify="right")
    table.add_column("configuration", overflow="fold")  # the column that is wrapped
    folds = ["95 %"] if board.unit == "fold" else []
    for name in (board.contest.primary, *(["test"] if tested else []), *folds, f"{board.unit}s", "time", *sizes):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        cells = [str(row.rank or ""), escape(row.label), str(row.result), *([row.told_test] if tested else [])]
        cells += [*([row.told_interval] if row.folded else []), row.told_count + row.mark, seconds(row.wall)]
        cells += [megabytes(row.memory)] if sized else []
        cells += [megabytes(row.gpu_memory)] if on_gpu else []
        table.add_row(*cells, style="bold" if row.rank == 1 else None)
    return table
