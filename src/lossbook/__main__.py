"""``python -m lossbook NAME ...`` is ``lossbook NAME ...``."""

from __future__ import annotations

import sys

from lossbook.console import main

if __name__ == "__main__":
    __spec__ = None  # Lightning starts the other processes of a run by sys.argv, not as this module again
    sys.exit(main())
