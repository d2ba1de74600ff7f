"""Search for good values: python scripts/search.py 'optim.lr=interval(1e-4,1e-1)'; --help shows what else there is."""

from __future__ import annotations

import sys

from lossbook.search.command import command  # completion finds scripts by "lossbook.config.command" in their text

if __name__ == "__main__":
    sys.exit(command())
