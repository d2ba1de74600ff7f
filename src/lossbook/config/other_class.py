"""A class of the user's own in place of an option's: ``model._target_=my.Net``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lossbook.config.options import Options, conf_folder


def left_over(config: Mapping[str, Any], options: Options | None = None) -> frozenset[str]:
    """Return the keys of the model's node that its option states for another class, and that nobody has changed.

    They say nothing of the class that is built instead, and reach only arguments that it names.

    Args:
        config: whole and resolved, as plain containers.
        options: that were chosen from; None: those of our ``conf``.
    """
    node, choice = config["model"], (config.get("choices") or {}).get("model")
    stated = (options or Options([conf_folder()])).stated(f"model/{choice}")[0]
    if "_target_" not in stated or stated["_target_"] == node.get("_target_"):
        return frozenset()
    return frozenset(key for key, value in stated.items() if key in node and node[key] == value)
