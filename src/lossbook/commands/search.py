"""Search for good values: ``lossbook search 'optim.lr=interval(1e-4,1e-1)'``; --help shows what else there is."""

from __future__ import annotations

from lossbook.search.command import command as main

__all__ = ["main"]
