"""Metrics that a config adds to those that follow from the encoding: ``metrics: {ece: {_target_: ...}}``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn
from torchmetrics import Metric

from lossbook.annotations import parameters_of
from lossbook.build import build, of_kind, target
from lossbook.errors import UserError, nearest, refuse, typed
from lossbook.losses.objective import Objective
from lossbook.metrics.keys import OWN_KEYS
from lossbook.targets.encoding import Measure
from lossbook.trust import Trust


def measures_of(
    nodes: Mapping[str, Mapping[str, Any]], head: str, objective: Objective, trust: Trust
) -> Callable[[], dict[str, Measure]]:
    """Return what makes fresh metrics for one head.

    A metric's class is told ``num_classes``, ``num_labels``, ``num_outputs`` and ``ignore_index`` where it asks. It is
    updated with predictions and targets; ``of`` says which: the ``decision``, the ``probability`` of every class, that
    of the ``positive`` one of two, or the ``score`` that the criterion sees. By default it is the probability where the
    loss trains any.

    Args:
        nodes: by name, as the config has them.
        head: whose metrics these are.
        objective: of the head.
        trust: what the config may build.

    Raises:
        UserError: a name that is taken, a view that this loss does not have, or what is no metric.
    """
    own = {name: node for name, node in nodes.items() if node.get("head") in (None, head or None)}
    taken = {*objective.directions(), *objective.measures()}
    for name, node in own.items():
        if name in taken:
            raise refuse(f"metrics.{name}", f"{name} is measured already.", f"another name, such as {name}_2")
        if not head and hasattr(nn.ModuleDict(), name):  # which holds the metrics
            rule = "torch's modules have an attribute of that name."
            raise refuse(f"metrics.{name}", rule, f"another name, such as {name}_2")
        _require_view(name, node, objective)

    def make() -> dict[str, Measure]:
        return {name: _measure(name, node, objective, trust) for name, node in own.items()}

    make()
    return make


def _measure(name: str, node: Mapping[str, Any], objective: Objective, trust: Trust) -> Measure:
    schema = objective.schema
    offered = {
        "num_classes": schema.classes,
        "num_labels": schema.classes,
        "num_outputs": schema.width,
        "ignore_index": objective.encoding.ignore_index,
    }
    given = {key: value for key, value in node.items() if key not in OWN_KEYS}
    offered = {key: value for key, value in offered.items() if value is not None}
    try:
        made = build(given, key=f"metrics.{name}", trust=trust, offered=offered)
    except UserError as error:
        raise _misspelt(name, node, trust) or error from None
    metric = of_kind(made, Metric, f"metrics.{name}", node)
    mode = node.get("mode")
    better = None if mode is None else mode == "max"
    return Measure(metric, _view(node.get("of"), objective), bool(node.get("train")), better)


def _of_positive(probability: Tensor, target: Tensor, objective: Objective) -> tuple[Tensor, Tensor]:
    """The probability of the positive class, and 1 where it is the target, which a binary metric takes for positive."""
    positive = 1 if objective.schema.positive is None else objective.schema.positive
    ignored = objective.encoding.ignore_index
    told = (target == positive).long()
    return probability[:, positive], told if ignored is None else told.where(target != ignored, ignored)


def _misspelt(name: str, node: Mapping[str, Any], trust: Trust) -> UserError | None:
    """Return the refusal of an argument that a metric hands on, as torchmetrics' do, until nobody knows it."""
    path = str(node["_target_"])
    known = parameters_of(target(path, key=f"metrics.{name}", trust=trust)) or {}
    for key in node.keys() - known.keys() - {"_target_", *OWN_KEYS}:
        if near := nearest(str(key), (*known, *OWN_KEYS)):
            fix = f"+metrics.{name}.{near}={typed(node[key])}"
            return refuse(f"metrics.{name}.{key}={typed(node[key])}", f"{path} has no argument '{key}'.", fix)
    return None


def _require_view(name: str, node: Mapping[str, Any], objective: Objective) -> None:
    view = node.get("of")
    if view in ("probability", "positive") and objective.probabilities == "none":
        rule = "This loss trains no probabilities (the key 'probabilities' of its contract)."
        raise refuse(f"metrics.{name}.of={view}", rule, f"metrics.{name}.of=decision, or of=score")
    if view == "positive" and objective.kind.class_axis != "index":
        rule = f"Targets of the kind {objective.kind.name} have no class that is the positive one."
        raise refuse(f"metrics.{name}.of=positive", rule, f"metrics.{name}.of=probability")
    if view == "positive" and objective.schema.classes != 2:
        rule = f"One of two classes is the positive one; these targets have {objective.schema.classes or 'none'}."
        raise refuse(f"metrics.{name}.of=positive", rule, f"metrics.{name}.of=probability")


def _view(of: str | None, objective: Objective) -> Callable[[Tensor, Tensor], tuple[Any, ...]]:
    encoding = objective.encoding
    if of == "score":
        return lambda scores, target: (scores, target)

    def view(scores: Tensor, target: Tensor) -> tuple[Any, ...]:
        prediction = encoding.predict(scores, objective.to_probabilities)
        if of != "decision" and prediction.probability is not None:
            if of == "positive":
                return _of_positive(prediction.probability, target, objective)
            return prediction.probability, target
        if of in ("probability", "positive"):
            rule = "Predictions of this kind hold no probability of each class."
            raise refuse(f"metrics with of={of}.", rule, "of=decision, or of=score")
        return encoding.compared(prediction.decision, target)

    return view
