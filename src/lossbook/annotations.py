"""What a callable says of its arguments: their names, and the types that a config's plain values are turned into."""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

from lossbook.errors import refuse


def parameters_of(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter] | None:
    """The parameters of a callable, annotations resolved where that is possible; None where it does not tell."""
    try:
        try:
            return inspect.signature(function, eval_str=True).parameters
        except Exception:  # an annotation that exists for type checkers alone
            return inspect.signature(function).parameters
    except (ValueError, TypeError):
        return None


def named(parameters: Mapping[str, inspect.Parameter]) -> list[str]:
    """The parameters that can be given by name."""
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [name for name, parameter in parameters.items() if parameter.kind in by_name]


def fit(value: Any, annotation: Any, key: str) -> Any:
    """A list or number as the tensor, a list as the tuple, that the annotation asks for; any other value as it is.

    Args:
        value: of the config; a list may hold objects that were built.
        annotation: resolved or as text; ``Optional[Tensor]`` asks for a tensor of torch's default type, or of bool.
        key: where the value stands in the config, for messages.

    Raises:
        UserError: a list that is no tensor.
    """
    kinds = _kinds(annotation)
    if "Tensor" in kinds and isinstance(value, list) and not kinds & {"list", "Sequence", "Iterable"}:
        return _tensor(value, key)
    if "Tensor" in kinds and type(value) in (int, float) and not kinds & {"int", "float"}:
        return _tensor(value, key)
    if "tuple" in kinds and isinstance(value, list) and not kinds & {"list", "Sequence", "Iterable"}:
        return tuple(value)
    return value


_ADMITTING: dict[type, set[str]] = {  # the kinds in an annotation that a value of the config fits
    bool: {"bool"},
    int: {"int", "float", "Number", "Real"},
    float: {"float", "Number", "Real"},
    str: {"str", "Path"},
    list: {"list", "tuple", "Sequence", "Iterable", "Collection", "set", "Tensor"},
    dict: {"dict", "Mapping"},
}
_PLAIN = {"Tensor", "NoneType", "None", *(kind for kinds in _ADMITTING.values() for kind in kinds)}


def misfit(value: Any, parameter: inspect.Parameter) -> str | None:
    """What a parameter takes instead, where ``value`` is none of it; None where it fits, or where nothing tells.

    Null fits anything: what it stands for may be filled in later.
    """
    kinds = _kinds(parameter.annotation)
    numbers = "Tensor" in kinds and type(value) in (int, float)
    if type(value) not in _ADMITTING or numbers or not kinds <= _PLAIN:
        return None
    if kinds & _ADMITTING[type(value)]:
        return None
    return " or ".join(sorted("null" if kind in ("NoneType", "None") else _WORDS.get(kind, kind) for kind in kinds))


_WORDS = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "tuple": "a list",
    "list": "a list",
    "dict": "a mapping",
    "Tensor": "numbers",
}


def _kinds(annotation: Any) -> set[str]:
    """The names of the types that an annotation admits: ``Optional[Tensor]`` admits Tensor and None."""
    if isinstance(annotation, str):  # one that could not be resolved
        plain = re.sub(r"^(typing\.)?(Optional|Union)\[(.*)\]$", r"\3", annotation.strip())
        return {re.split(r"\[", part.strip())[0].rpartition(".")[2] for part in re.split(r"[|,](?![^\[]*\])", plain)}
    if isinstance(annotation, typing.ForwardRef):
        return _kinds(annotation.__forward_arg__)
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        return set().union(*map(_kinds, typing.get_args(annotation)))
    return {getattr(origin or annotation, "__name__", "")}


def _tensor(value: Any, key: str) -> Any:
    import torch

    try:
        tensor = torch.tensor(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise refuse(
            f"{key}={value}", "This argument is a tensor: a number, or lists of numbers of one length."
        ) from error
    return tensor if tensor.dtype == torch.bool else tensor.to(torch.get_default_dtype())
