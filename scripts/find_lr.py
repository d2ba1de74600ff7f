"""Find a learning rate: python scripts/find_lr.py loss=ctc optim=adam; --help shows what else there is."""

import sys

from lossbook.commands.find_lr import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
