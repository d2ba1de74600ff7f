"""Print tables of losses, optimizers or metrics: python scripts/pairings.py > docs/pairings.md."""

import sys

from lossbook.commands.pairings import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
