"""What the config may say of a metric that it adds, without torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lossbook.errors import Problem, nearest, typed

VIEWS = ("decision", "probability", "positive", "score")
OWN_KEYS = ("of", "mode", "train", "head")
"""Keys of a metric's node that are not arguments of its class."""
_CLASS = "torchmetrics.classification.MulticlassMatthewsCorrCoef"


def metric_problems(metrics: Any, targets: Mapping[str, str]) -> Iterator[Problem]:
    """Find what is wrong with the metrics that a config adds.

    Args:
        metrics: of the config, by name.
        targets: kinds of the data's targets by name; a single one has the empty name.
    """
    if metrics is None:
        return
    if not isinstance(metrics, Mapping):
        rule = "It must be a mapping from names to metrics."
        yield Problem(f"metrics={typed(metrics)}", rule, f"'metrics={{mcc: {{_target_: {_CLASS}}}}}'")
        return
    heads = [name for name in targets if name]
    for name, node in metrics.items():
        key = f"metrics.{name}"
        if not str(name).isidentifier():
            rule = "The name of a metric must be a word: its curve is named after it."
            yield Problem(f"metrics has '{name}'.", rule, "letters, digits and _, such as mcc_2")
        if str(name).startswith("loss_"):
            yield Problem(key, "A name that begins with loss_ is that of a term of the loss.", "another name")
        if not isinstance(node, Mapping) or not isinstance(node.get("_target_"), str):
            rule = "It must be a mapping with _target_, which names a class of torchmetrics' or one of your own."
            yield Problem(f"{key}={typed(node)}", rule, f"'metrics={{{name}: {{_target_: {_CLASS}}}}}'")
            continue
        for option, values in (("of", VIEWS), ("mode", ("min", "max")), ("train", (True, False)), ("head", heads)):
            value = node.get(option)
            if value is None or value in values:
                continue
            if option == "head" and not heads:
                yield Problem(f"{key}.head={typed(value)}", "This data has one target.", "leave it out")
                continue
            near = nearest(str(value), [str(one) for one in values]) or typed(values[0])
            rule = f"It must be one of {', '.join(map(typed, values))}."
            yield Problem(f"{key}.{option}={typed(value)}", rule, f"{key}.{option}={near}")
        if heads and node.get("head") is None:
            rule = f"This data has several targets: {', '.join(heads)}."
            yield Problem(f"{key} names no head.", rule, f"+{key}.head={heads[0]}")
