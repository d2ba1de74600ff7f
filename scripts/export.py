"""Write a trained network to a file: python scripts/export.py ckpt=PATH format=onnx output=FILE."""

import sys

from lossbook.commands.export import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
