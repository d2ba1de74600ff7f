"""Print which loss takes which data, what optimizers can do, or what metrics mean, as Markdown.

python scripts/pairings.py > docs/pairings.md
python scripts/pairings.py optimizers > docs/optimizers.md
python scripts/pairings.py metrics > docs/metrics.md
"""

from __future__ import annotations

import argparse
import sys

from lossbook.config import optimizers, pairings
from lossbook.exits import exit_code
from lossbook.metrics import definitions

PAGES = {"pairings": pairings.page, "optimizers": optimizers.page, "metrics": definitions.page}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", nargs="?", choices=PAGES, default="pairings")
    print(PAGES[parser.parse_args().page](), end="")
    return 0


if __name__ == "__main__":
    sys.exit(exit_code(main))
