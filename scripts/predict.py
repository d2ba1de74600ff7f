"""Predict for new files or tables: python scripts/predict.py ckpt=RUN input=photos; --help shows what else there is."""

import sys

from lossbook.commands.predict import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
