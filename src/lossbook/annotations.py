"""The parameters of a callable: their names, and the types that plain values of a config are converted to."""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

from lossbook.errors import refuse


def parameters_of(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter] | None:
    """Return the parameters of a callable, annotations resolved where possible; None where it has no signature."""
    try:
        try:
            return inspect.signature(function, eval_str=True).parameters
        except Exception:  # an annotation that exists only for type checkers
            return inspect.signature(function).parameters
    except (ValueError, TypeError):
        return None


def named(parameters: Mapping[str, inspect.Parameter]) -> list[str]:
    """Return the names of the parameters that can be given by name."""
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [name for name, parameter in parameters.items() if parameter.kind in by_name]


def fit(value: Any, annotation: Any, key: str) -> Any:
    """Convert a list or number to the tensor, or a list to the tuple, that an annotation asks for.

    Any other value is returned unchanged.

    Args:
        value: of the config; a list may hold built objects.
        annotation: a type, or its text; ``Optional[Tensor]`` asks for a tensor of torch's default dtype, or of bool.
        key: of the value in the config, for messages.

    Raises:
        UserError: a list that cannot be a tensor.
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
    """Return the types that a parameter takes, in words, if ``value`` is of none of them; None if it fits.

    None also where the annotation does not tell. Null fits anything: it may be filled in later.
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
    """Return the names of the types that an annotation admits: ``Optional[Tensor]`` admits Tensor and None."""
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
            f"{key}={value}", "This argument must be a tensor: a number, or lists of numbers of equal length."
        ) from error
    return tensor if tensor.dtype == torch.bool else tensor.to(torch.get_default_dtype())
