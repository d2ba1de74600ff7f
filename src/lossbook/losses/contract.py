"""What a loss asks: the contract that its YAML file writes down, read without torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from lossbook.data.schema import TARGET_KINDS
from lossbook.errors import Problem, UserError, nearest, typed
from lossbook.losses.rules import Rule

INPUTS = {
    "single": "the output and the target of each sample",
    "pairs": "two outputs and whether they belong together",
    "triplets": "an anchor, a positive and a negative",
    "views": "two augmented views of each sample",
    "sequence": "a sequence of outputs, a text, and the lengths of both",
}
ACTIVATIONS = ("none", "sigmoid", "softmax", "log_softmax", "softplus", "normalise")
DISTANCES = ("euclidean", "cosine")
MINING = ("all", "hard", "semi_hard")
# inputs -> what follows from them: the target kinds that they are formed from, each encoded as an embedding, a ranking
# or something that holds a target for each output; what a mean may divide by; how they are formed
KINDS: Mapping[str, Mapping[str, str]] = {
    "single": dict.fromkeys(("class", "multilabel", "value", "count", "distribution", "mask"), "target"),
    "pairs": {"class": "embedding", "pair": "embedding", "value": "ranking", "count": "ranking"},
    "triplets": {"class": "embedding", "triplet": "embedding"},
    "views": {"class": "embedding", "none": "embedding", "pair": "embedding"},
    "sequence": {"text": "target"},
}
MEAN_OVER: Mapping[str, tuple[str, ...]] = {
    "single": ("samples", "elements", "weights"),
    "pairs": ("pairs",),
    "triplets": ("pairs",),
    "views": ("samples",),
    "sequence": ("samples",),
}
PAIRING: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "pairs": {"compare": ("sides", "distance"), "mine": MINING, "distance": DISTANCES},
    "triplets": {"mine": MINING},
    "views": {"positives": ("views", "labels")},
}
REDUCTIONS = ("none", "mean", "sum", "batchmean")


@dataclass(frozen=True)
class Contract:
    """One loss: its criterion and everything that follows from it.

    Args:
        name: the option's name, for messages.
        criterion: ``_target_`` (any callable that takes input and target) and its arguments.
        accepts: target kind -> the encoding that turns such targets into the criterion's, as a name or
            as ``{name: ..., option: ...}``. Kinds that are not listed are refused.
        inputs: how a batch becomes the criterion's arguments, one of ``INPUTS``.
        activation: between the model's raw output and the criterion, one of ``ACTIVATIONS``.
        mean_over: what the criterion's mean divides by, one of those that ``MEAN_OVER`` lists for the inputs.
        primary: target kind -> the metric that checkpoints and sweeps watch; the encoding's first by default. A name,
            or ``{name: ..., mode: min}`` (or max) for a metric that does not say itself which value is best.
        pairing: how pairs, triplets or views are formed, see ``PAIRING``.
        rules: constraints between values of the config, see ``Rule``.
    """

    name: str
    criterion: Mapping[str, Any]
    accepts: Mapping[str, Mapping[str, Any]]
    inputs: str = "single"
    activation: str = "none"
    mean_over: str = "samples"
    primary: Mapping[str, str | Mapping[str, str]] = field(default_factory=dict)
    pairing: Mapping[str, Any] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()

    def watched(self, kind: str) -> tuple[str | None, str | None]:
        """The name of the metric to watch on targets of a kind, and ``min`` or ``max``, as far as this says."""
        chosen = self.primary.get(kind)
        return (chosen["name"], chosen.get("mode")) if isinstance(chosen, Mapping) else (chosen, None)

    @property
    def views(self) -> int:
        """How many views of a sample the training batches must hold."""
        return 2 if self.inputs == "views" else 1


def read(name: str, node: Mapping[str, Any]) -> Contract:
    """The contract in a loss's config node (a plain dict).

    Raises:
        UserError: unknown keys or values, all of them at once; a loss of a user's own is checked here, too.
    """
    keys = [f.name for f in fields(Contract) if f.name != "name"]
    problems = [
        Problem(
            f"loss={name} has the key '{key}'.",
            f"A loss has the keys {', '.join(keys)}.",
            f"'{near}'?" if (near := nearest(key, keys)) else "remove it",
        )
        for key in node
        if key not in keys
    ]
    problems += [
        Problem(f"loss={name} has no '{key}'.", f"A loss needs '{key}', a mapping.", "see conf/loss/bce.yaml")
        for key in ("criterion", "accepts")
        if not isinstance(node.get(key), Mapping) or not node[key]
    ]
    problems += _types(node)
    if problems:
        raise UserError(*problems)
    if "_target_" not in node["criterion"]:
        problems.append(
            Problem(
                f"loss={name}: criterion has no '_target_'.", "It names the callable.", "_target_: torch.nn.MSELoss"
            )
        )
    inputs = str(node.get("inputs") or "single")
    means = MEAN_OVER.get(inputs) or tuple(dict.fromkeys(mean for each in MEAN_OVER.values() for mean in each))
    for key, options in (("inputs", tuple(INPUTS)), ("activation", ACTIVATIONS), ("mean_over", means)):
        value = node.get(key) or options[0]
        if value not in options:
            given = f"loss.{key}={value}" + (_with(inputs) if key == "mean_over" else "")
            problems.append(Problem(given, f"It is one of {', '.join(options)}."))
    problems += [
        Problem(
            f"loss={name} accepts '{kind}'.",
            f"Target kinds are {', '.join(TARGET_KINDS)}.",
            f"'{near}'?" if (near := nearest(str(kind), TARGET_KINDS)) else "",
        )
        for kind in node["accepts"]
        if kind not in TARGET_KINDS
    ]
    problems += [
        Problem(f"loss.accepts.{kind}={encoding}", "It is the name of an encoding, or {name: ..., option: ...}.")
        for kind, encoding in node["accepts"].items()
        if not isinstance(encoding, str) and not (isinstance(encoding, Mapping) and "name" in encoding)
    ]
    problems += _watched(node.get("primary") or {})
    problems += [
        Problem(
            f"loss.primary.{kind}={typed(metric)}",
            f"loss={name} accepts targets of the kind {', '.join(map(str, node['accepts']))} alone.",
            f"loss.primary.{near}={typed(metric)}"
            if (near := nearest(str(kind), list(map(str, node["accepts"]))))
            else "remove it",
        )
        for kind, metric in (node.get("primary") or {}).items()
        if kind in TARGET_KINDS and kind not in node["accepts"]
    ]
    if inputs in INPUTS and not problems:
        problems += [*_accepted(inputs, node["accepts"]), *_pairing(inputs, node)]
    reduction, path = node["criterion"].get("reduction", "mean"), str(node["criterion"].get("_target_"))
    ours = path.startswith(("torch.", "lossbook."))
    options = REDUCTIONS if not ours or path.endswith(("KLDivLoss", "kl_div")) else REDUCTIONS[:-1]
    if reduction not in options:
        problems.append(Problem(f"loss.criterion.reduction={reduction}", f"It is one of {', '.join(options)}."))
    rules: list[Rule] = []
    for rule in node.get("rules") or ():
        try:
            rules.append(Rule.read(rule))
        except UserError as error:
            problems.extend(error.problems)
    if problems:
        raise UserError(*problems)
    rules += [
        Rule({f"loss.pairing.{key}": values}, why=f"It is one of {', '.join(values)}.")
        for key, values in PAIRING.get(inputs, {}).items()
    ]
    accepts = {
        kind: {"name": encoding} if isinstance(encoding, str) else dict(encoding)
        for kind, encoding in node["accepts"].items()
    }
    stated = {key: value for key, value in node.items() if value is not None}
    return Contract(name=name, **{**stated, "accepts": accepts, "rules": tuple(rules)})


def _types(node: Mapping[str, Any]) -> Iterator[Problem]:
    """Keys that hold something of another kind than is read there."""
    for key, kind, what in (
        ("inputs", str, "a text"),
        ("activation", str, "a text"),
        ("mean_over", str, "a text"),
        ("primary", Mapping, "a mapping"),
        ("pairing", Mapping, "a mapping"),
        ("rules", list, "a list"),
    ):
        if node.get(key) is not None and not isinstance(node[key], kind):
            yield Problem(f"loss.{key}={typed(node[key])}", f"It is {what}.", "see conf/loss/triplet_margin.yaml")
    for name, value in (node["pairing"] if isinstance(node.get("pairing"), Mapping) else {}).items():
        if not isinstance(value, str):
            yield Problem(f"loss.pairing.{name}={typed(value)}", "It is a text.", "see conf/loss/triplet_margin.yaml")


def _accepted(inputs: str, accepts: Mapping[str, Any]) -> Iterator[Problem]:
    """Target kinds and encodings that these inputs cannot be formed from."""
    for kind, encoding in accepts.items():
        name = encoding if isinstance(encoding, str) else encoding["name"]
        if kind not in KINDS[inputs]:
            rule = f"They are formed from targets of the kind {', '.join(KINDS[inputs])}."
            yield Problem(f"loss.accepts.{kind}={name}{_with(inputs)}", rule)
            continue
        wanted, given = KINDS[inputs][kind], name if name in ("embedding", "ranking") else "target"
        if wanted != given:
            takes = f"'{wanted}'" if wanted != "target" else f"an encoding with a target for each output, not '{name}'"
            yield Problem(f"loss.accepts.{kind}={name}{_with(inputs)}", f"They take {takes}.")


def _watched(primary: Any) -> Iterator[Problem]:
    """What is wrong with the choice of the metrics to watch, as far as the contract alone can tell."""
    if not isinstance(primary, Mapping):
        yield Problem(f"loss.primary={primary}", "It is a mapping, target kind: metric.", "primary: {class: acc}")
        return
    for kind, chosen in primary.items():
        key = f"loss.primary.{kind}"
        if kind not in TARGET_KINDS:
            near = nearest(str(kind), TARGET_KINDS)
            fix = f"loss.primary.{near}={typed(chosen)}" if near else "remove it"
            yield Problem(f"{key}={typed(chosen)}", f"Target kinds are {', '.join(TARGET_KINDS)}.", fix)
        elif not isinstance(chosen, str) and not (
            isinstance(chosen, Mapping)
            and isinstance(chosen.get("name"), str)
            and chosen.keys() <= {"name", "mode"}
            and chosen.get("mode") in (None, "min", "max")
        ):
            name = chosen.get("name", "NAME") if isinstance(chosen, Mapping) else "NAME"
            rule = "It is the name of a metric, or {name: ..., mode: min} (or max)."
            yield Problem(f"{key}={typed(chosen)}", rule, f"'{key}={{name: {name}, mode: min}}'")


def _pairing(inputs: str, node: Mapping[str, Any]) -> Iterator[Problem]:
    """Options of the pairing that these inputs do not have; the values of those that they have are held by rules."""
    given, options = node.get("pairing") or {}, PAIRING.get(inputs, {})
    if inputs == "pairs" and all(KINDS["pairs"].get(kind) == "ranking" for kind in node["accepts"]):
        options = {}  # every two samples with different targets
    for key, value in given.items():
        if key not in options:
            rule = f"It has {', '.join(options)}." if options else "This loss has no options of that kind."
            fix = f"loss.pairing.{near}={value}" if (near := nearest(key, options)) else "remove it"
            yield Problem(f"loss.pairing.{key}={value}{_with(inputs)}", rule, fix)


def _with(inputs: str) -> str:
    return f" with inputs: {inputs}"
