"""Report on runs: python scripts/report.py outputs; --help shows what else there is."""

import sys

from lossbook.commands.report import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
