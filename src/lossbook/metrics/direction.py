"""Which value of a metric is best, by what the metric itself says, or else the user."""

from __future__ import annotations

from collections.abc import Mapping

from lossbook.errors import nearest, refuse


def mode_of(tag: str, directions: Mapping[str, str | None], key: str) -> str:
    """``min`` or ``max``: which value of the metric of this tag is best.

    Args:
        tag: ``val/acc``, or ``train/loss``.
        directions: name -> ``min``, ``max`` or None, as ``Objective.directions`` gives them.
        key: the node of the config that watches it, and may say so itself (``scheduler``).

    Raises:
        UserError: nobody says.
    """
    name = tag.rpartition("/")[2]
    mode = directions.get(name)
    if mode is None:
        near = None if name in directions else nearest(tag, [f"val/{known}" for known in directions])
        rule = f"Whether its smallest or its largest value is best is not known; it is of {', '.join(directions)}."
        fix = f"{key}.monitor={near}, or " if near else ""
        raise refuse(f"{key}.monitor={tag}", rule, f"{fix}{key}.mode=min or {key}.mode=max")
    return mode
