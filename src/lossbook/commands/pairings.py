"""Print which loss takes which data, what optimizers can do, or what metrics mean, as Markdown.

python scripts/pairings.py > docs/pairings.md
python scripts/pairings.py optimizers > docs/optimizers.md
python scripts/pairings.py metrics > docs/metrics.md
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Sequence

from lossbook.exits import exit_code
from lossbook.invocation import as_typed, words


def main(arguments: Sequence[str]) -> int:
    """Print the page that the arguments name; return the exit code."""
    return exit_code(lambda: _main(arguments))


def _main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog=shlex.join(words(sys.argv[0])),
        description=as_typed(__doc__ or ""),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("page", nargs="?", choices=_PAGES, default="pairings")
    print(_PAGES[parser.parse_args(arguments).page](), end="")
    return 0


def _pairings() -> str:
    from lossbook.config.pairings import page

    return page()


def _optimizers() -> str:
    from lossbook.config.optimizers import page

    return page()


def _metrics() -> str:
    from lossbook.metrics.definitions import page

    return page()


_PAGES: dict[str, Callable[[], str]] = {"pairings": _pairings, "optimizers": _optimizers, "metrics": _metrics}
