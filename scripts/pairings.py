"""Prints which loss takes which data, or what optimizers can do, as Markdown.

python scripts/pairings.py > docs/pairings.md
python scripts/pairings.py optimizers > docs/optimizers.md
"""

from __future__ import annotations

import argparse
import sys

from lossbook.composing import optimizers, pairings
from lossbook.exits import exit_code

PAGES = {"pairings": pairings.page, "optimizers": optimizers.page}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", nargs="?", choices=PAGES, default="pairings")
    print(PAGES[parser.parse_args().page](), end="")
    return 0


if __name__ == "__main__":
    sys.exit(exit_code(main))
