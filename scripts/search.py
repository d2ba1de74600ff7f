"""Searches for good values: python scripts/search.py 'optim.lr=interval(1e-4,1e-1)'; --help says what else."""

from __future__ import annotations

import sys

from lossbook.search.command import command  # which answers the tab key as lossbook.config.command does

if __name__ == "__main__":
    sys.exit(command())
