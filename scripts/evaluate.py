"""Print and write the metrics of a checkpoint: python scripts/evaluate.py ckpt=PATH, on other data with data=NAME."""

import sys

from lossbook.commands.evaluate import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
