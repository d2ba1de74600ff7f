"""Prints which loss takes which data, as Markdown: python scripts/pairings.py > docs/pairings.md."""

from __future__ import annotations

from lossbook.composing.pairings import page

if __name__ == "__main__":
    print(page(), end="")
