"""Reading the contract of one loss: every key and value that is wrong is refused, all of them at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from lossbook.errors import Problem, UserError, nearest, typed
from lossbook.losses.contract import (
    ACTIVATIONS,
    INPUTS,
    MEAN_OVER,
    PAIRING,
    PROBABILITIES,
    REDUCTIONS,
    ROLES,
    SEVERAL,
    Contract,
    default_probabilities,
)
from lossbook.losses.rules import Rule
from lossbook.targets import KINDS

_KEYS = [f.name for f in fields(Contract) if f.name not in ("name", "terms", "key")]


def read_one(name: str, node: Mapping[str, Any], at: str) -> Contract:
    """Read the contract of a loss that is no sum; arguments as those of ``losses.reading.read``.

    Raises:
        UserError: unknown keys or values, all of them at once; a loss of a user's own is checked here, too.
    """
    problems = [
        Problem(
            f"loss={name} has the key '{key}'.",
            f"A loss has the keys {', '.join(_KEYS)}.",
            f"'{near}'?" if (near := nearest(key, _KEYS)) else "remove it",
        )
        for key in node
        if key not in _KEYS
    ]
    problems += [
        Problem(f"loss={name} has no '{key}'.", f"A loss needs '{key}', a mapping.", "see conf/loss/bce.yaml")
        for key in ("criterion", "accepts")
        if not isinstance(node.get(key), Mapping) or not node[key]
    ]
    problems += _types(node, at)
    if problems:
        raise UserError(*problems)
    if "_target_" not in node["criterion"]:
        given = f"loss={name}: criterion has no '_target_'."
        problems.append(Problem(given, "It names the callable.", "_target_: torch.nn.MSELoss"))
    problems += [*_values(node, at), *_kinds(name, node), *watched_problems(node.get("primary") or {}, at)]
    problems += _idle_primary(name, node, at)
    inputs = str(node.get("inputs") or "single")
    if inputs in INPUTS and not problems:
        problems += [*_accepted(inputs, node["accepts"], at), *_pairing(inputs, node, at)]
    problems += _reduction(node["criterion"], at)
    rules: list[Rule] = []
    for rule in node.get("rules") or ():
        try:
            rules.append(Rule.read(rule))
        except UserError as error:
            problems.extend(error.problems)
    if problems:
        raise UserError(*problems)
    rules += [
        Rule({f"loss.pairing.{key}": values}, why=f"It must be one of {', '.join(values)}.")
        for key, values in PAIRING.get(inputs, {}).items()
    ]
    accepts = {
        kind: {"name": encoding} if isinstance(encoding, str) else dict(encoding)
        for kind, encoding in node["accepts"].items()
    }
    stated = {key: value for key, value in node.items() if value is not None}
    stated.setdefault(
        "probabilities",
        default_probabilities(str(node["criterion"].get("_target_")), str(node.get("activation") or "none")),
    )
    return Contract(name=name, **{**stated, "accepts": accepts, "rules": tuple(rules), "key": at})


def _values(node: Mapping[str, Any], at: str) -> Iterator[Problem]:
    inputs = str(node.get("inputs") or "single")
    means = MEAN_OVER.get(inputs) or tuple(dict.fromkeys(mean for each in MEAN_OVER.values() for mean in each))
    choices = {
        "inputs": tuple(INPUTS), "activation": ACTIVATIONS, "mean_over": means, "probabilities": PROBABILITIES,
    }  # fmt: skip
    for key, options in choices.items():
        value = node.get(key) or options[0]
        if value not in options:
            given = f"{at}.{key}={value}" + (_with(inputs) if key == "mean_over" else "")
            yield Problem(given, f"It must be one of {', '.join(options)}.")


def _kinds(name: str, node: Mapping[str, Any]) -> Iterator[Problem]:
    for kind, encoding in node["accepts"].items():
        if kind not in KINDS:
            near = nearest(str(kind), KINDS)
            rule = f"Target kinds are {', '.join(KINDS)}."
            yield Problem(f"loss={name} accepts '{kind}'.", rule, f"'{near}'?" if near else "")
        if not isinstance(encoding, str) and not (isinstance(encoding, Mapping) and "name" in encoding):
            rule = "It must be the name of an encoding, or {name: ..., option: ...}."
            yield Problem(f"loss.accepts.{kind}={encoding}", rule)


def _idle_primary(name: str, node: Mapping[str, Any], at: str) -> Iterator[Problem]:
    accepted = list(map(str, node["accepts"]))
    for kind, metric in (node.get("primary") or {}).items():
        if kind in KINDS and kind not in accepted:
            near = nearest(str(kind), accepted)
            rule = f"loss={name} accepts targets of the kind {', '.join(accepted)} alone."
            fix = f"{at}.primary.{near}={typed(metric)}" if near else "remove it"
            yield Problem(f"{at}.primary.{kind}={typed(metric)}", rule, fix)


def _reduction(criterion: Mapping[str, Any], at: str) -> Iterator[Problem]:
    reduction, path = criterion.get("reduction", "mean"), str(criterion.get("_target_"))
    known = path.startswith(("torch.", "lossbook."))
    options = REDUCTIONS if not known or path.endswith(("KLDivLoss", "kl_div")) else REDUCTIONS[:-1]
    if reduction not in options:
        yield Problem(f"{at}.criterion.reduction={reduction}", f"It must be one of {', '.join(options)}.")


def _types(node: Mapping[str, Any], at: str) -> Iterator[Problem]:
    """Keys that hold something of another kind than is read there."""
    for key, kind, what in (
        ("inputs", str, "a text"),
        ("activation", str, "a text"),
        ("mean_over", str, "a text"),
        ("probabilities", str, "a text"),
        ("primary", Mapping, "a mapping"),
        ("pairing", Mapping, "a mapping"),
        ("rules", list, "a list"),
    ):
        if node.get(key) is not None and not isinstance(node[key], kind):
            yield Problem(f"{at}.{key}={typed(node[key])}", f"It must be {what}.", "see conf/loss/triplet_margin.yaml")
    for name, value in (node["pairing"] if isinstance(node.get("pairing"), Mapping) else {}).items():
        if not isinstance(value, str):
            yield Problem(
                f"{at}.pairing.{name}={typed(value)}", "It must be a text.", "see conf/loss/triplet_margin.yaml"
            )


def _accepted(inputs: str, accepts: Mapping[str, Any], at: str) -> Iterator[Problem]:
    """Target kinds and encodings that these inputs cannot be formed from."""
    for kind, encoding in accepts.items():
        name = encoding if isinstance(encoding, str) else encoding["name"]
        if kind not in ROLES[inputs]:
            rule = f"They are formed from targets of the kind {', '.join(ROLES[inputs])}."
            yield Problem(f"{at}.accepts.{kind}={name}{_with(inputs)}", rule)
            continue
        known = KINDS[kind].encodings.get(str(name))
        wanted, given = ROLES[inputs][kind], known.role if known is not None else "target"
        if wanted != given:
            takes = f"'{wanted}'" if wanted != "target" else f"an encoding with a target for each output, not '{name}'"
            yield Problem(f"{at}.accepts.{kind}={name}{_with(inputs)}", f"They take {takes}.")


def watched_problems(primary: Any, at: str) -> Iterator[Problem]:
    """Find what is wrong with the choice of the metrics to watch, as far as the contract alone can tell.

    Args:
        primary: of a loss.
        at: where the loss stands in the config.
    """
    if not isinstance(primary, Mapping):
        yield Problem(f"{at}.primary={primary}", "It must be a mapping, target kind: metric.", "primary: {class: acc}")
        return
    for kind, chosen in primary.items():
        key = f"{at}.primary.{kind}"
        if kind not in (*KINDS, SEVERAL):
            near = nearest(str(kind), KINDS)
            fix = f"{at}.primary.{near}={typed(chosen)}" if near else "remove it"
            yield Problem(f"{key}={typed(chosen)}", f"Target kinds are {', '.join(KINDS)}.", fix)
        elif not isinstance(chosen, str) and not (
            isinstance(chosen, Mapping)
            and isinstance(chosen.get("name"), str)
            and chosen.keys() <= {"name", "mode"}
            and chosen.get("mode") in (None, "min", "max")
        ):
            name = chosen.get("name", "NAME") if isinstance(chosen, Mapping) else "NAME"
            rule = "It must be the name of a metric, or {name: ..., mode: min} (or max)."
            yield Problem(f"{key}={typed(chosen)}", rule, f"'{key}={{name: {name}, mode: min}}'")


def _pairing(inputs: str, node: Mapping[str, Any], at: str) -> Iterator[Problem]:
    """Options of the pairing that these inputs do not have; the values of those that they have are held by rules."""
    given, options = node.get("pairing") or {}, PAIRING.get(inputs, {})
    if inputs == "pairs" and all(ROLES["pairs"].get(kind) == "ranking" for kind in node["accepts"]):
        options = {}  # every two samples with different targets
    for key, value in given.items():
        if key not in options:
            rule = f"It has {', '.join(options)}." if options else "This loss has no options of that kind."
            fix = f"{at}.pairing.{near}={value}" if (near := nearest(key, options)) else "remove it"
            yield Problem(f"{at}.pairing.{key}={value}{_with(inputs)}", rule, fix)


def _with(inputs: str) -> str:
    return f" with inputs: {inputs}"
