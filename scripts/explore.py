"""Draw what an optimizer, a loss or an augmentation does: python scripts/explore.py loss=smooth_l1 (or --help)."""

import sys

from lossbook.commands.explore import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
