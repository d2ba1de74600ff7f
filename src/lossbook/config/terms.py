"""Open mappings of the config (``loss.terms``, ``metrics``), and the terms of a sum with the whole contract of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from omegaconf import OmegaConf, open_dict

from lossbook.config.options import Options
from lossbook.config.types import OPEN
from lossbook.errors import Problem, UserError, nearest, typed
from lossbook.losses.contract import Contract
from lossbook.losses.reading import read

DEFAULT_TERMS = ("cross_entropy", "dice")


def clear_replaced(config: Any, overrides: Sequence[Any]) -> None:
    """Empty the open mappings of a config that overrides of the command line replace as a whole.

    Args:
        config: of Hydra's; it is changed.
        overrides: parsed.
    """
    for one in overrides:
        key, whole = one.key_or_group, isinstance(one.value(), dict)
        if whole and key in OPEN and OmegaConf.select(config, key) is not None:
            group, _, name = key.rpartition(".")
            node = config[group] if group else config
            with open_dict(node):
                del node[name]  # None in its place would still be a mapping to Hydra, and closed to new keys
                node[name] = None


def with_whole_terms(loss: Mapping[str, Any], options: Options) -> dict[str, Any]:
    """Return a loss's node in which each term of a sum holds its weight and the whole contract of its loss.

    A term is given as its weight, or as a mapping with ``weight``, ``loss`` (the option; the term's own name by
    default), ``target`` (of several, the term's own name by default) and what changes in the contract of that option.
    Terms that are whole already (out of a checkpoint, or with a criterion of their own) stay as they are.

    Raises:
        UserError: a term that names no loss, or is neither a number nor a mapping.
    """
    if loss["terms"] is None:
        loss = {**loss, "terms": dict.fromkeys(DEFAULT_TERMS, 1.0)}
    if not isinstance(loss["terms"], Mapping):
        return dict(loss)
    problems: list[Problem] = []
    terms: dict[str, Any] = {}
    for name, given in loss["terms"].items():
        key = f"loss.terms.{name}"
        term = dict(given) if isinstance(given, Mapping) else {"weight": given}
        option = str(term.get("loss") or name)
        if "accepts" in term and "_target_" in (term.get("criterion") or ()):
            terms[str(name)] = {"weight": 1.0, **term}
            continue
        if not isinstance(given, (Mapping, int, float)) or isinstance(given, bool):
            rule = "It must be the weight of a term, or {weight: ..., criterion: {...}}."
            problems.append(Problem(f"{key}={typed(given)}", rule, f"{key}=1.0"))
            continue
        stated, _ = options.stated(f"loss/{option}")
        if "criterion" not in stated:
            losses = [one for one in options.names("loss") if one != "sum"]
            near = nearest(option, losses)
            rule = f"A term names a loss: {', '.join(losses)}."
            fix = f"'loss.terms={{{near}: 1.0}}'" if near else f"{key}.loss=NAME"
            problems.append(Problem(f"{key}: there is no loss '{option}'.", rule, fix))
            continue
        changes = {name: value for name, value in term.items() if name not in ("weight", "loss", "target")}
        whole: Any = OmegaConf.to_container(OmegaConf.merge(stated, changes), resolve=False)
        own = {key: term[key] for key in ("target",) if key in term}
        terms[str(name)] = {"weight": term.get("weight", 1.0), "loss": option, **own, **whole}
    if problems:
        raise UserError(*problems)
    return {**loss, "terms": terms}


def contract_of(name: str, options: Options) -> Contract:
    """Return the contract that the option of a loss states.

    Raises:
        UserError: it is wrong in itself.
    """
    node = options.stated(f"loss/{name}")[0]
    node = with_whole_terms(node, options) if "terms" in node else node
    plain: Any = OmegaConf.to_container(OmegaConf.create({"loss": node}), resolve=True)
    return read(name, plain["loss"])
