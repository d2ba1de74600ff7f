"""Binding a contract to a dataset: encoding, criterion and inputs, or all reasons why that cannot be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from lossbook import build
from lossbook.data.schema import Schema
from lossbook.errors import Problem, UserError, nearest, refuse
from lossbook.objectives.class_weights import class_weights
from lossbook.objectives.contract import Contract
from lossbook.objectives.criteria.function import FunctionCriterion
from lossbook.objectives.encodings import ENCODINGS
from lossbook.objectives.encodings.embeddings import Embedding
from lossbook.objectives.encodings.encoding import Encoding
from lossbook.objectives.inputs.pairs import Pairs, RankedPairs
from lossbook.objectives.inputs.sequence import Sequence
from lossbook.objectives.inputs.single import Single
from lossbook.objectives.inputs.triplets import Triplets
from lossbook.objectives.inputs.views import Views
from lossbook.objectives.objective import FormInputs, Objective
from lossbook.trust import OWN_CONFIG, Trust

EMBEDDING_DIM = 64  # where the user says nothing


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
    encoding = _encoding(contract, schema, embedding_dim)
    weights, problems = class_weights(contract.criterion, encoding)
    if contract.views > 1 and schema.samples < 2:
        problems.append(Problem("The training part has one sample.", "A contrast needs two samples at least."))
    if problems:
        raise UserError(*problems)
    criterion = _criterion({**contract.criterion, **weights}, trust)
    inputs = _inputs(contract, encoding, criterion)
    return Objective(schema, encoding, criterion, inputs, contract.activation, contract.reduction)


def _criterion(node: Mapping[str, Any], trust: Trust) -> Any:
    """An object of the criterion's class, or a function with its options bound, as a module either way."""
    bound = build.bind(node, key="loss.criterion", trust=trust)
    if isinstance(bound.func, type):
        return build.build(node, key="loss.criterion", trust=trust)
    return FunctionCriterion(bound)


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
    try:
        return encoding(schema, **options)
    except TypeError as error:
        raise refuse(
            f"loss.accepts.{schema.target}={{name: {name}, ...}}", str(error).split("__init__() ")[-1]
        ) from None


def _inputs(contract: Contract, encoding: Encoding, criterion: Any) -> FormInputs:
    makers: Mapping[str, Callable[..., FormInputs]] = {
        "single": lambda **_: Single(encoding, contract.mean_over, criterion),
        "pairs": lambda **options: _pairs(encoding, criterion, options),
        "triplets": lambda **options: Triplets(encoding, criterion, **options),
        "views": lambda **options: Views(encoding, criterion, **options),
        "sequence": lambda **_: Sequence(encoding, criterion),  # type: ignore[arg-type]
    }
    return makers[contract.inputs](**contract.pairing)


def _pairs(encoding: Encoding, criterion: nn.Module, options: dict[str, Any]) -> FormInputs:
    if not isinstance(encoding, Embedding):
        return RankedPairs(encoding)
    return Pairs(encoding, margin=float(getattr(criterion, "margin", 0.0)), **options)
