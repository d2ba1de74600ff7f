"""Search for good values: python scripts/search.py 'optim.lr=interval(1e-4,1e-1)'; --help shows what else there is."""

import sys

from lossbook.commands.search import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
