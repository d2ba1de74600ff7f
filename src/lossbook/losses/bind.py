"""Binding a contract to a dataset: encoding, criterion and inputs, or all reasons why that cannot be."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import nn

from lossbook import build
from lossbook.annotations import parameters_of
from lossbook.data.schema import Schema
from lossbook.errors import Problem, UserError, nearest, refuse, typed
from lossbook.losses.class_weights import class_weights
from lossbook.losses.contract import Contract
from lossbook.losses.criteria.function import FunctionCriterion
from lossbook.losses.criteria.info_nce import InfoNCELoss
from lossbook.losses.inputs.pairs import Pairs, RankedPairs
from lossbook.losses.inputs.sequence import Sequence
from lossbook.losses.inputs.single import Single
from lossbook.losses.inputs.triplets import Triplets
from lossbook.losses.inputs.views import Views
from lossbook.losses.objective import FormInputs, Objective
from lossbook.targets import ENCODINGS
from lossbook.targets.embeddings import Embedding
from lossbook.targets.encoding import Encoding
from lossbook.trust import OWN_CONFIG, Trust

EMBEDDING_DIM = 64  # where the user says nothing
FOLLOWING = ("ignore_index", "blank", "log_target", "log_input")  # encodings take these over from the criterion


def bind(contract: Contract, schema: Schema, embedding_dim: int | None = None, trust: Trust = OWN_CONFIG) -> Objective:
    """The objective of a contract on data of this schema.

    Args:
        contract: of the loss.
        schema: of the data; its kind must be among those that the contract accepts.
        embedding_dim: width of embeddings; 64 where None.
        trust: what the criterion may be.

    Raises:
        UserError: all that is wrong between the two, at once.
    """
    if unknown := [*_unknown_options(contract)]:
        raise UserError(*unknown)
    encoding = _encoding(contract, schema, embedding_dim)
    weights, problems = class_weights(contract.criterion, encoding)
    if contract.views > 1 and schema.samples == 1:  # 0: a checkpoint is only tested
        problems.append(
            Problem("The training part has one sample.", "A contrast needs two samples at least.", "supply more data")
        )
    if problems:
        raise UserError(*problems)
    criterion = _criterion({**contract.criterion, **weights}, trust)
    inputs = _inputs(contract, encoding, criterion)
    # a function or class of the user's own may have another default than mean
    reduction = contract.criterion.get("reduction", getattr(criterion, "reduction", "mean"))
    return Objective(schema, encoding, criterion, inputs, contract.activation, str(reduction))


def _criterion(node: Mapping[str, Any], trust: Trust) -> Any:
    """An object of the criterion's class, or a function with its options bound, as a module either way."""
    _refuse_without_two_arguments(str(node["_target_"]), trust)
    bound = build.bind(node, key="loss.criterion", trust=trust)
    if isinstance(bound.func, type):
        made = build.build(node, key="loss.criterion", trust=trust)
        return build.of_kind(made, Callable, "loss.criterion", node)
    return FunctionCriterion(bound)


def _refuse_without_two_arguments(path: str, trust: Trust) -> None:
    """Refuse a function that has no place for input and target (``os.system``), before its options are looked at."""
    function = build.target(path, key="loss.criterion", trust=trust)
    kinds = [parameter.kind for parameter in (parameters_of(function) or {}).values()]
    by_place = [kind for kind in kinds if kind in (kind.POSITIONAL_ONLY, kind.POSITIONAL_OR_KEYWORD)]
    if not isinstance(function, type) and kinds and len(by_place) < 2 and inspect.Parameter.VAR_POSITIONAL not in kinds:
        rule = "A criterion is a function of (input, target), or a class whose objects are."
        raise refuse(f"loss.criterion._target_={path}", rule, "_target_: torch.nn.MSELoss, for one")


def _unknown_options(contract: Contract) -> Iterator[Problem]:
    """Options that an encoding does not have, also of kinds that this data is not of: nobody would miss them."""
    for kind, node in contract.accepts.items():
        encoding = ENCODINGS[kind].get(str(node["name"]))
        taken = [name for name in inspect.signature(encoding).parameters if name != "schema"] if encoding else []
        for option in node if encoding else ():
            if option != "name" and option not in taken:
                rule = f"The encoding {node['name']} has {', '.join(taken) or 'no options'}."
                near = nearest(str(option), taken)
                fix = f"loss.accepts.{kind}.{near}={typed(node[option])}" if near else "remove it"
                yield Problem(f"loss.accepts.{kind}.{option}={typed(node[option])}", rule, fix)


def _encoding(contract: Contract, schema: Schema, embedding_dim: int | None) -> Encoding:
    if schema.target not in contract.accepts:
        raise refuse(
            f"loss={contract.name} with targets of the kind '{schema.target}'.",
            f"{contract.name} accepts {', '.join(contract.accepts)}.",
        )
    options = dict(contract.accepts[schema.target])
    name = options.pop("name")
    known = ENCODINGS[schema.target]
    if name not in known:
        raise refuse(
            f"loss.accepts.{schema.target}={name}",
            f"Encodings of '{schema.target}' are {', '.join(known)}.",
            f"'{near}'?" if (near := nearest(name, known)) else "",
        )
    encoding = known[name]
    if isinstance(encoding, type) and issubclass(encoding, Embedding):
        options["embedding_dim"] = embedding_dim or EMBEDDING_DIM
    taken = inspect.signature(encoding).parameters
    for option in (name for name in FOLLOWING if name in taken and name in contract.criterion):
        value = contract.criterion[option]
        if options.setdefault(option, value) != value:
            raise refuse(
                f"loss.accepts.{schema.target}.{option}={options[option]} with loss.criterion.{option}={value}.",
                "Targets are encoded as the criterion reads them.",
                f"remove it from loss.accepts.{schema.target}",
            )
    return encoding(schema, **options)


def _inputs(contract: Contract, encoding: Encoding, criterion: Any) -> FormInputs:
    makers: Mapping[str, Callable[..., FormInputs]] = {
        "single": lambda **_: Single(encoding, contract.mean_over, criterion),
        "pairs": lambda **options: _pairs(encoding, criterion, options),
        "triplets": lambda **options: Triplets(encoding, criterion, **options),
        "views": lambda **options: Views(encoding, _contrastive(criterion), **options),
        "sequence": lambda **_: Sequence(encoding, criterion),  # type: ignore[arg-type]
    }
    return makers[contract.inputs](**contract.pairing)


def _contrastive(criterion: nn.Module) -> InfoNCELoss:
    if not isinstance(criterion, InfoNCELoss):
        raise refuse(
            f"inputs: views with {getattr(criterion, 'function', type(criterion)).__name__}.",
            "Two views are contrasted by InfoNCELoss, or a class derived from it.",
            "loss.criterion._target_=lossbook.losses.criteria.info_nce.InfoNCELoss",
        )
    return criterion


def _pairs(encoding: Encoding, criterion: nn.Module, options: dict[str, Any]) -> FormInputs:
    if not isinstance(encoding, Embedding):
        return RankedPairs(encoding)
    return Pairs(encoding, margin=float(getattr(criterion, "margin", 0.0)), **options)
