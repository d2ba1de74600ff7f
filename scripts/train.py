"""Train a network: python scripts/train.py loss=ctc optim=adam; --help shows what else there is."""

import sys

from lossbook.commands.train import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
