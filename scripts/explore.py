"""Draw what an optimizer or a loss does: python scripts/explore.py loss=smooth_l1; --help shows what else there is."""

import sys

from lossbook.commands.explore import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
