"""Binding a contract to a dataset: encoding, criterion and inputs, or all reasons why that cannot be."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import nn

from lossbook import build
from lossbook.annotations import named, parameters_of
from lossbook.data.schema import Schema
from lossbook.errors import Problem, UserError, nearest, refuse, typed
from lossbook.losses.class_weights import class_weights
from lossbook.losses.contract import Contract, Term
from lossbook.losses.criteria.function import FunctionCriterion
from lossbook.losses.inputs.embeddings import Embeddings
from lossbook.losses.inputs.pairs import Pairs, RankedPairs
from lossbook.losses.inputs.sequence import Sequence
from lossbook.losses.inputs.single import Single
from lossbook.losses.inputs.triplets import Triplets
from lossbook.losses.inputs.views import Views
from lossbook.losses.objective import FormInputs, Objective
from lossbook.targets import KINDS
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
    weights, problems = class_weights(contract.criterion, encoding, contract.key)
    if contract.views > 1 and schema.samples == 1:  # 0: a checkpoint is only tested
        problems.append(
            Problem("The training part has one sample.", "A contrast needs two samples at least.", "supply more data")
        )
    if problems:
        raise UserError(*problems)
    criterion = _criterion({**contract.criterion, **weights}, contract.key, _offered(encoding), trust)
    inputs = _inputs(contract, encoding, criterion)
    # a function or class of the user's own may have another default than mean
    reduction = contract.criterion.get("reduction", getattr(criterion, "reduction", "mean"))
    return Objective(schema, encoding, criterion, inputs, contract.activation, str(reduction), contract.probabilities)


def bind_terms(
    contract: Contract, schema: Schema, embedding_dim: int | None = None, trust: Trust = OWN_CONFIG
) -> dict[str, tuple[Term, Objective]]:
    """Return the objective of each term of a loss on data of this schema, by the term's name.

    Arguments are those of ``bind``.

    Raises:
        UserError: what is wrong between a term and its target; terms on one target that differ in the model's output.
    """
    heads = schema.heads
    terms = contract.terms_for({name: head.target for name, head in heads.items()})
    for term in terms if len(terms) > 1 else ():
        if hasattr(nn.ModuleDict(), term.name):  # which holds the objectives
            rule = "torch's modules have an attribute of that name."
            raise refuse(f"{contract.key}.terms has '{term.name}'.", rule, f"another name, such as {term.name}_2")
    bound = {term.name: (term, bind(term.contract, heads[term.target], embedding_dim, trust)) for term in terms}
    for name in heads:
        sharing = [(term, objective) for term, objective in bound.values() if term.target == name]
        for what, of in (("encodings", _encoded), ("outputs", _width), ("ignore_index", _ignored)):
            values = {term.name: of(term, objective) for term, objective in sharing}
            if len(set(values.values())) > 1:
                raise refuse(
                    f"{contract.key}.terms differ in {what} ({', '.join(f'{k}: {v}' for k, v in values.items())}).",
                    "Terms on one target share the model's output, and the targets that count.",
                    "options of their encodings and criteria that agree",
                )
    summed = {objective.reduction == "sum" for _, objective in bound.values()}
    if len(summed) > 1:
        rule = "A mean and a sum over the samples of a batch cannot be added: their sizes move apart with the batch."
        raise refuse(f"{contract.key}.terms with reduction sum and mean.", rule, "reduction=mean for each")
    return bound


def _encoded(term: Term, objective: Objective) -> str:
    return str(term.contract.accepts[objective.schema.target]["name"])


def _width(term: Term, objective: Objective) -> int:
    return objective.output_size


def _ignored(term: Term, objective: Objective) -> int | None:
    return objective.encoding.ignore_index


def _offered(encoding: Encoding) -> dict[str, Any]:
    """What a criterion is told where it asks for it, by the names that libraries have for it."""
    classes, width = encoding.schema.classes, encoding.width
    offered: dict[str, Any] = {} if classes is None else {"classes": classes, "num_classes": classes}
    return offered | ({"embedding_dim": width, "embedding_size": width} if encoding.role == "embedding" else {})


def _criterion(node: Mapping[str, Any], at: str, offered: Mapping[str, Any], trust: Trust) -> Any:
    """An object of the criterion's class, or a function with its options bound, as a module either way."""
    key = f"{at}.criterion"
    _refuse_without_two_arguments(str(node["_target_"]), key, trust)
    bound = build.bind(node, key=key, trust=trust, offered=offered)
    if isinstance(bound.func, type):
        handed_on = {name: offered[name] for name in _handed_on(bound.func) if name in offered}
        made = _built(node, key, offered, handed_on, trust)
        return build.of_kind(made, Callable, key, node)
    return FunctionCriterion(bound)


def _built(
    node: Mapping[str, Any], key: str, offered: Mapping[str, Any], handed_on: dict[str, Any], trust: Trust
) -> Any:
    """An object of the criterion's class, which is told what its bases ask for unless it tells them itself."""
    while True:
        try:
            return build.build({**handed_on, **node}, key=key, trust=trust, offered=offered)
        except TypeError as error:
            twice = re.search(r"multiple values for (?:keyword )?argument '(\w+)'", str(error))
            if not twice or handed_on.pop(twice[1], None) is None:
                raise


def _handed_on(cls: type) -> list[str]:
    """Return the names of all arguments of a class, those included that it takes as ``**kwargs`` for its bases."""
    names: list[str] = []
    for base in cls.__mro__:
        if "__init__" in vars(base):
            parameters = parameters_of(vars(base)["__init__"]) or {}
            names += named(parameters)
            if not any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
                break
    return names


def _refuse_without_two_arguments(path: str, key: str, trust: Trust) -> None:
    """Refuse a function that has no place for input and target (``os.system``), before its options are looked at."""
    function = build.target(path, key=key, trust=trust)
    kinds = [parameter.kind for parameter in (parameters_of(function) or {}).values()]
    by_place = [kind for kind in kinds if kind in (kind.POSITIONAL_ONLY, kind.POSITIONAL_OR_KEYWORD)]
    if not isinstance(function, type) and kinds and len(by_place) < 2 and inspect.Parameter.VAR_POSITIONAL not in kinds:
        rule = "A criterion is a function of (input, target), or a class whose objects are."
        raise refuse(f"{key}._target_={path}", rule, "_target_: torch.nn.MSELoss, for one")


def _unknown_options(contract: Contract) -> Iterator[Problem]:
    """Options that an encoding does not have, also of kinds that this data is not of: nobody would miss them."""
    for kind, node in contract.accepts.items():
        encoding = KINDS[kind].encodings.get(str(node["name"]))
        taken = [name for name in inspect.signature(encoding).parameters if name != "schema"] if encoding else []
        for option in node if encoding else ():
            if option != "name" and option not in taken:
                rule = f"The encoding {node['name']} has {', '.join(taken) or 'no options'}."
                near = nearest(str(option), taken)
                fix = f"{contract.key}.accepts.{kind}.{near}={typed(node[option])}" if near else "remove it"
                yield Problem(f"{contract.key}.accepts.{kind}.{option}={typed(node[option])}", rule, fix)


def _encoding(contract: Contract, schema: Schema, embedding_dim: int | None) -> Encoding:
    if schema.target not in contract.accepts:
        raise refuse(
            f"loss={contract.name} with targets of the kind '{schema.target}'.",
            f"{contract.name} accepts {', '.join(contract.accepts)}.",
        )
    options = dict(contract.accepts[schema.target])
    name = options.pop("name")
    known = KINDS[schema.target].encodings
    if name not in known:
        raise refuse(
            f"{contract.key}.accepts.{schema.target}={name}",
            f"Encodings of '{schema.target}' are {', '.join(known)}.",
            f"'{near}'?" if (near := nearest(name, known)) else "",
        )
    encoding = known[name]
    taken = inspect.signature(encoding).parameters
    if "embedding_dim" in taken:
        options["embedding_dim"] = embedding_dim or EMBEDDING_DIM
    for option in (name for name in FOLLOWING if name in taken and name in contract.criterion):
        value = contract.criterion[option]
        if options.setdefault(option, value) != value:
            given = f"{contract.key}.accepts.{schema.target}.{option}={options[option]}"
            raise refuse(
                f"{given} with {contract.key}.criterion.{option}={value}.",
                "Targets are encoded as the criterion reads them.",
                f"remove it from {contract.key}.accepts.{schema.target}",
            )
    return encoding(schema, **options)


def _inputs(contract: Contract, encoding: Encoding, criterion: Any) -> FormInputs:
    makers: Mapping[str, Callable[..., FormInputs]] = {
        "single": lambda **_: Single(encoding, contract.mean_over, criterion),
        "embeddings": lambda **_: Embeddings(encoding),
        "pairs": lambda **options: _pairs(encoding, criterion, options),
        "triplets": lambda **options: Triplets(encoding, criterion, **options),
        "views": lambda **options: Views(encoding, criterion, **options),
        "sequence": lambda **_: Sequence(encoding, criterion),  # type: ignore[arg-type]
    }
    return makers[contract.inputs](**contract.pairing)


def _pairs(encoding: Encoding, criterion: nn.Module, options: dict[str, Any]) -> FormInputs:
    if encoding.role == "ranking":
        return RankedPairs(encoding)
    return Pairs(encoding, margin=float(getattr(criterion, "margin", 0.0)), **options)
