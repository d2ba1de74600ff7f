"""Dotted keys of a config: all there are, and the nearest one to a key that does not exist."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any

from lossbook.errors import Problem, nearest, typed


def dotted_keys(node: Any, prefix: str = "") -> list[str]:
    """Return the dotted keys of nested mappings, including those of the mappings themselves."""
    if not isinstance(node, dict):
        return []
    keys = [f"{prefix}{key}" for key in node]
    return [*keys, *(inner for key, value in node.items() for inner in dotted_keys(value, f"{prefix}{key}."))]


def unknown(key: str, value: Any, known: Sequence[str]) -> Problem:
    """Return the problem of a key that does not exist, with the nearest of ``known``, or else all keys next to it."""
    near = nearest_key(key, known)
    parent = key.rpartition(".")[0]
    beside = [_last(other) for other in known if other.rpartition(".")[0] == parent and _last(other) != "_target_"]
    if near:
        fix = f"{near}={typed(value)}"
    elif f"{parent}._target_" in known and not beside:  # a class of the user's, whose arguments nobody knows
        fix = f"+{key}={typed(value)}"
    else:
        fix = f"{parent} has {', '.join(beside)}" if parent and beside else "--cfg job prints all keys"
    return Problem(f"{key}={typed(value)}", f"There is no key {key}.", fix)


def nearest_key(key: str, known: Sequence[str]) -> str | None:
    """Return the key most likely meant: one with the same last name (``lr`` for ``optim.lr``), else the nearest."""
    nodes = {other.rpartition(".")[0] for other in known}
    known = [other for other in known if not (other in nodes and key.startswith(f"{other}."))]
    last = _last(key)
    same = [other for other in known if _last(other) == last and "." in other]
    if same:
        return nearest(key, same) or min(same, key=len)
    siblings = [other for other in known if other.rpartition(".")[0] == key.rpartition(".")[0]]
    for among, alike in ((siblings, 0.65), (known, 0.75)):
        best = max(among, key=lambda other: _alike(last, _last(other)), default=None)  # the first of several
        if best is not None and _alike(last, _last(best)) >= alike:
            return best
    return None


def _alike(name: str, other: str) -> float:
    """Return the similarity of two names, from 0 to 1.

    A whole word of a longer name (``batch`` of ``batch_size``) is similar, as is a name of two or three letters that
    differs in one.
    """
    if len(name) == len(other) in (2, 3) and sum(map(str.__eq__, name, other)) == len(name) - 1:
        return 0.7
    within = len(name) > 3 and f"_{name}_" in f"_{other}_"
    return max(SequenceMatcher(None, name, other).ratio(), 0.75 if within else 0.0)


def _last(key: str) -> str:
    return key.rpartition(".")[2]
