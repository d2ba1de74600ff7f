"""Print which loss takes which data, what optimizers can do, what metrics mean, or what data there is, as Markdown.

python scripts/pairings.py > docs/pairings.md
python scripts/pairings.py optimizers > docs/optimizers.md
python scripts/pairings.py metrics > docs/metrics.md
python scripts/pairings.py data > docs/data.md
"""

from __future__ import annotations

import argparse
import sys

from lossbook.config import datasets, optimizers, pairings
from lossbook.exits import exit_code
from lossbook.metrics import definitions

PAGES = {"pairings": pairings.page, "optimizers": optimizers.page, "metrics": definitions.page, "data": datasets.page}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", nargs="?", choices=PAGES, default="pairings")
    print(PAGES[parser.parse_args().page](), end="")
    return 0


if __name__ == "__main__":
    sys.exit(exit_code(main))
