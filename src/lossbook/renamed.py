"""Classes that a config may name and that have moved: configs in files and checkpoints may still have the old names."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import Any

_PREFIXES = {
    "lossbook.callbacks.": "lossbook.training.callbacks.",
    "lossbook.loggers.": "lossbook.training.loggers.",
    "lossbook.objectives.criteria.": "lossbook.losses.criteria.",
    "lossbook.objectives.metrics.": "lossbook.metrics.",
}
_CLASSES = {
    "lossbook.data.csv.Csv": "lossbook.data.tables.source.TableSource",
    "lossbook.data.image_folder.ImageFolder": "lossbook.data.images.folder.ImageFolder",
    "lossbook.optim.schedules.decay.Step": "lossbook.optim.schedules.decay.StepDecay",
}


def use_current_names(config: Any, values: Any) -> None:
    """Give each ``_target_`` the name that its class has today.

    Args:
        config: is changed; plain containers, or a config of Hydra's.
        values: the same as plain containers.
    """
    for path, name in _renamed(values):
        reduce(lambda node, key: node[key], path, config)["_target_"] = name


def _renamed(node: Any) -> Iterator[tuple[list[Any], str]]:
    """Where an old name stands, and the new one."""
    if isinstance(node, dict) and isinstance(target := node.get("_target_"), str):
        for old, new in _PREFIXES.items():
            if target.startswith(old):
                yield [], new + target.removeprefix(old)
        if target in _CLASSES:
            yield [], _CLASSES[target]
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from (([key, *path], name) for path, name in _renamed(value))
