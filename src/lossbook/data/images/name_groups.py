"""Groups of images by their names: of one patient, one scene, one recording."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from lossbook.errors import refuse


def groups_by_name(pattern: str, names: Sequence[str]) -> np.ndarray:
    """Return the group of each image (N,): what the pattern's first group, or all of it, matches in the name.

    Raises:
        UserError: the pattern is no regular expression, or does not match in every name.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        rule = f"This is no regular expression: {error}."
        raise refuse(f"data.group_pattern={pattern}", rule, "data.group_pattern='patient(\\d+)'") from error
    found = [compiled.search(name) for name in names]
    if without := [name for name, match in zip(names, found, strict=True) if match is None]:
        rule = f"It must match in the name of every image, and does not in {len(without):,}, such as {without[0]}."
        raise refuse(f"data.group_pattern={pattern}", rule, "a pattern that matches in all names")
    return np.array([match.group(min(1, compiled.groups)) or "" for match in found if match is not None])
