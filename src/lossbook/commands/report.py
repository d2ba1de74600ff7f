"""Report on runs: which one is best and by how much, with curves and tables; for sweeps, earlier runs, or all of them.

    python scripts/report.py outputs/sweeps/2026-01-31_22-00-00     one sweep
    python scripts/report.py outputs                                every run there is
    python scripts/report.py RUN RUN SWEEP out=docs/compared        a selection, into a folder of your choice

It writes README.md, leaderboard.csv, runs.csv and plots to DIR/report, or for several folders to
outputs/reports/<date>_<time>. Runs are compared only if they watched the same metric on the same data.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from lossbook.errors import UserError, refuse
from lossbook.exits import exit_code
from lossbook.invocation import as_typed


def main(arguments: Sequence[str]) -> int:
    """Report on the folders that the arguments name; return the exit code."""
    return exit_code(lambda: _main(arguments))


def _main(arguments: Sequence[str]) -> int:
    if {"-h", "--help"} & set(arguments):
        print(as_typed(f"usage: python scripts/report.py DIR [DIR...] [out=PATH]\n\n{(__doc__ or '').strip()}"))
        return 0
    try:
        folders, out = _read(arguments)
        from lossbook.report.report import print_short, report

        print_short(report(folders, out))
    except UserError as error:
        print(as_typed(str(error)), file=sys.stderr)
        return 1
    return 0


def _read(arguments: Sequence[str]) -> tuple[list[Path], Path | None]:
    folders, out = [], None
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if key == "out" and equals:
            if not value:
                raise refuse(argument, "out needs a path.", "out=PATH")
            out = Path(value)
        elif (argument[:1] == "-" or equals) and not Path(argument).is_dir():
            raise refuse(argument, "There is no such option.", "out=PATH, or --help")
        else:
            folders.append(Path(argument))
    if not folders:
        raise refuse("scripts/report.py", "At least one folder of runs is needed.", "python scripts/report.py outputs")
    return folders, out
