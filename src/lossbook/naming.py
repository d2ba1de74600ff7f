"""What varied in a run as the name of a folder, which TensorBoard shows as the run's name."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

LONGEST = 100
"""Characters of a name: file systems take 255 bytes, and a list of runs is read."""

_PLAIN = re.compile(r"[^A-Za-z0-9._=,+-]+")  # what stands between these becomes one "_"


def run_name(overrides: Iterable[str]) -> str:
    """One safe folder name for what was given on the command line: ``loss=mse,optim.lr=0.01,seed=0``.

    Quotes and brackets go, the items of a list are joined by ``_``, and whatever else may not stand in a folder's name
    everywhere (slashes, blanks, colons, letters beyond ASCII) becomes ``_``. Where such a character was replaced, or a
    name of more than 100 characters was cut, six digits of a hash tell it from others that would read the same. A name
    that came out of here comes out again as it is.

    Args:
        overrides: such as ``loss=mse``, in the order in which they are to be read; none give an empty name.
    """
    overrides = list(overrides)
    name = ",".join(_without_brackets(override.strip()) for override in overrides)
    safe = _PLAIN.sub("_", name).strip(".") or ("_" if name else "")
    if safe == name and len(safe) <= LONGEST:
        return safe
    digest = hashlib.sha256("\n".join(overrides).encode()).hexdigest()[:6]
    return f"{safe[: LONGEST - 7]}-{digest}"


def _without_brackets(override: str) -> str:
    """``k=[0.9,'a b']`` -> ``k=0.9_a b``: commas within brackets part items, those outside part overrides."""
    depth, found = 0, []
    for character in override:
        depth += (character in "[{(") - (character in "]})")
        if character == "," and depth > 0:
            found.append("_")
        elif character not in "[]{}()'\"":
            found.append(character)
    return "".join(found)
