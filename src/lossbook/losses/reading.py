"""Reading the contract of a loss from its config node, or that of a weighted sum of losses."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lossbook.errors import Problem, UserError, typed
from lossbook.losses.contract import Contract, Term
from lossbook.losses.reading_one import read_one, watched_problems

_OF_A_TERM = ("weight", "loss", "target")  # keys of a term beside those of its contract


def read(name: str, node: Mapping[str, Any], at: str = "loss") -> Contract:
    """Read the contract in a loss's config node (a plain dict).

    Args:
        name: of the option.
        node: of a loss, or of a sum, which has ``terms``.
        at: where the node stands in the config.

    Raises:
        UserError: unknown keys or values, all of them at once; a loss of a user's own is checked here, too.
    """
    return _read_sum(name, node, at) if "terms" in node else read_one(name, node, at)


def _read_sum(name: str, node: Mapping[str, Any], at: str) -> Contract:
    """A sum, whose terms hold a whole contract each; its kinds and encodings are those that all terms share."""
    problems = list(_problems(name, node, at))
    terms: list[Term] = []
    for key, given in (node["terms"] if not problems else {}).items():
        contract = {name: value for name, value in given.items() if name not in _OF_A_TERM}
        try:
            read_term = read_one(str(given.get("loss") or key), contract, f"{at}.terms.{key}")
        except UserError as error:
            problems.extend(error.problems)
            continue
        terms.append(Term(str(key), read_term, float(given["weight"]), str(given.get("target") or "")))
    if problems:
        raise UserError(*problems)
    alone = len({term.target for term in terms}) == 1
    accepts = _shared(terms) if alone else {}
    first = terms[0].contract
    rules = tuple(rule.moved(term.contract.key) for term in terms for rule in term.contract.rules)
    views = {term.contract.views for term in terms}
    if len(views) > 1:
        given = ", ".join(f"{term.name}: {term.contract.views}" for term in terms)
        rule = "A batch has as many views of a sample as one loss takes."
        fix = "terms that all take views, or none that does"
        raise UserError(Problem(f"{at}.terms take different numbers of views ({given}).", rule, fix))
    return Contract(
        name, {}, accepts, first.inputs, first.activation, first.mean_over, first.probabilities,
        primary={**(first.primary if alone else {}), **(node.get("primary") or {})},
        rules=rules, terms=tuple(terms), key=at,
    )  # fmt: skip


def _shared(terms: Sequence[Term]) -> Mapping[str, Mapping[str, Any]]:
    """The target kinds that all of these terms accept in the same encoding."""
    return {
        kind: encoding
        for kind, encoding in terms[0].contract.accepts.items()
        if all(term.contract.accepts.get(kind, {}).get("name") == encoding["name"] for term in terms)
    }


def _problems(name: str, node: Mapping[str, Any], at: str) -> Iterator[Problem]:
    for key in node:
        if key not in ("terms", "primary"):
            yield Problem(f"loss={name} has the key '{key}'.", "A sum has the keys terms, primary.", "remove it")
    yield from watched_problems(node.get("primary") or {}, at)
    if not isinstance(node["terms"], Mapping) or not node["terms"]:
        rule = "It must be a mapping from losses to their weights."
        yield Problem(f"{at}.terms={typed(node['terms'])}", rule, f"'{at}.terms={{cross_entropy: 1.0, dice: 1.0}}'")
        return
    for key, term in node["terms"].items():
        weight = term.get("weight") if isinstance(term, Mapping) else term
        number = isinstance(weight, (int, float)) and not isinstance(weight, bool)
        if not str(key).isidentifier():
            rule = "The name of a term must be a word: its curve is named after it."
            yield Problem(f"{at}.terms has '{key}'.", rule, "letters, digits and _, such as dice_2")
        if key == "step":
            yield Problem(f"{at}.terms has 'step'.", "The curve loss_step is that of the whole loss.", "another name")
        if not number or not 0 < float(weight or 0) < math.inf:
            rule = "The weight of a term must be a number above 0."
            yield Problem(f"{at}.terms.{key}.weight={typed(weight)}", rule, f"{at}.terms.{key}.weight=1.0")
