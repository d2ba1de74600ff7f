"""The kind of inputs that a data node gives, which models state as ``takes``. Does not import torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def input_kind(data: Mapping[str, Any]) -> str:
    """Return the kind of inputs of a data node: ``numbers``, ``tokens``, or ``categories`` (and numbers) of a table.

    Categories are there only where ``data.categories=embedding`` asks for them; by one-hot they are numbers.
    """
    return "categories" if data.get("categories") == "embedding" else str(data.get("inputs", "numbers"))


def may_embed(model: Mapping[str, Any], data: Mapping[str, Any]) -> bool:
    """Return whether a model may have embeddings for this data; one that only embeds categories needs some."""
    return input_kind(data) != "numbers" or "categories" not in (model.get("takes") or ())
