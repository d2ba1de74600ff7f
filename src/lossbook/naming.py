"""Folder names from overrides (``loss=mse,seed=0``), which TensorBoard shows as the names of runs."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

LONGEST = 100
"""Characters of a name; file systems allow 255 bytes, but people read lists of runs."""

_PLAIN = re.compile(r"[^A-Za-z0-9._=,+-]+")  # each run of other characters becomes "_"


def run_name(overrides: Iterable[str]) -> str:
    """Return a folder name that is valid everywhere for these overrides: ``loss=mse,optim.lr=0.01,seed=0``.

    Quotes and brackets are removed, the items of a list are joined by ``_``, and other characters that are not valid
    everywhere (slashes, blanks, colons, letters beyond ASCII) become ``_``. If a character was replaced, or a name of
    more than 100 characters was cut, six digits of a hash distinguish it from similar ones. A name that this function
    returned is returned unchanged.

    Args:
        overrides: such as ``loss=mse``, in the order of the name; none give an empty name.
    """
    overrides = list(overrides)
    name = ",".join(_without_brackets(override.strip()) for override in overrides)
    safe = _PLAIN.sub("_", name).strip(".") or ("_" if name else "")
    if safe == name and len(safe) <= LONGEST:
        return safe
    digest = hashlib.sha256("\n".join(overrides).encode()).hexdigest()[:6]
    return f"{safe[: LONGEST - 7]}-{digest}"


def _without_brackets(override: str) -> str:
    """``k=[0.9,'a b']`` -> ``k=0.9_a b``: commas within brackets separate items, others separate overrides."""
    depth, found = 0, []
    for character in override:
        depth += (character in "[{(") - (character in "]})")
        if character == "," and depth > 0:
            found.append("_")
        elif character not in "[]{}()'\"":
            found.append(character)
    return "".join(found)
