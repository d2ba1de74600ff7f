"""From a plain config node to the object that it names: ``{_target_: torch.nn.BCELoss, reduction: sum}``.

Nested nodes are built first, lists become tensors or tuples where the callable's annotation says so, and whatever does
not fit is said in the words of the config.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from lossbook.errors import Problem, UserError, nearest, refuse
from lossbook.trust import Trust

_KNOWN = ("torch", "torchvision", "torchmetrics", "lightning")  # what they raise on bad arguments is the user's mistake


def build(
    node: Mapping[str, Any],
    /,
    *,
    key: str = "",
    trust: Trust = Trust(),  # noqa: B008  (frozen)
    offered: Mapping[str, Any] | None = None,
    **given: Any,
) -> Any:
    """The object that a config node names.

    Args:
        node: plain dict with ``_target_``, a dotted path, and the arguments of that callable by name.
        key: where the node stands in the config (``loss.criterion``), for messages.
        trust: what the config may build; by default only what is safe in one that came from elsewhere.
        offered: arguments from the code, passed where the callable takes them by name and the node says nothing.
        given: arguments from the code that are always passed.

    Raises:
        UserError: a name that must not be built, a path that cannot be found, an argument that is unknown (with the
            nearest real one), missing, or refused by a class of torch's.
    """
    made = bind(node, key=key, trust=trust, offered=offered, **given)
    path = node["_target_"]
    missing = [name for name in _required(made.func) if name not in made.keywords]
    if missing:
        raise refuse(
            f"{_join(key, missing[0])} is not given.",
            f"{path} needs {', '.join(missing)}.",
            f"+{_join(key, missing[0])}=VALUE",
        )
    try:
        return made()
    except (TypeError, ValueError, RuntimeError, AssertionError) as error:
        if str(getattr(made.func, "__module__", "")).partition(".")[0] not in _KNOWN:
            raise  # a user's own class: its traceback is what they need
        said = str(error).strip().partition("\n")[0]
        raise refuse(f"{key or path} cannot be built.", f"{path} says: {said}") from error


def bind(
    node: Mapping[str, Any],
    /,
    *,
    key: str = "",
    trust: Trust = Trust(),  # noqa: B008
    offered: Mapping[str, Any] | None = None,
    **given: Any,
) -> functools.partial[Any]:
    """The callable that a node names with its arguments bound, not yet called: a function, or an optimizer's factory.

    Arguments and errors are those of ``build``, but that arguments may still be missing.
    """
    trust.check_names(node)
    return _bind(node, key, trust, offered or {}, given)


def target(path: str, /, *, key: str = "", trust: Trust = Trust()) -> Callable[..., Any]:  # noqa: B008
    """The class or function at a dotted path, imported.

    Raises:
        UserError: ``trust`` does not cover it, or there is none at that path (with the nearest name).
    """
    trust.check_names({"_target_": path})
    found = _find(path, key)
    if not callable(found):
        raise refuse(f"{_join(key, '_target_')}={path}", f"That is a {type(found).__name__}, and cannot be called.")
    trust.check_object(path, found)
    return found


def _bind(
    node: Mapping[str, Any], key: str, trust: Trust, offered: Mapping[str, Any], given: Mapping[str, Any]
) -> functools.partial[Any]:
    if not isinstance(node, Mapping) or not isinstance(node.get("_target_"), str):
        raise refuse(f"{key or 'The node'} has no '_target_'.", "It names the class, as in _target_: torch.nn.MSELoss.")
    path = node["_target_"]
    function = target(path, key=key, trust=trust)
    parameters = _parameters(function)
    arguments = {name: value for name, value in node.items() if name != "_target_"}
    problems = [_unknown(path, name, value, key, parameters) for name, value in arguments.items()]
    problems += [
        Problem(f"{_join(key, name)} is given.", "It follows from the rest of the config.", "remove it")
        for name in arguments
        if name in given
    ]
    if any(problems):
        raise UserError(*filter(None, problems))
    built = {
        name: _fit(_value(value, _join(key, name), trust), _annotation(parameters, name), _join(key, name))
        for name, value in arguments.items()
    }
    taken = {name: value for name, value in offered.items() if name in (parameters or {}) and name not in built}
    return functools.partial(function, **taken, **built, **given)


def _value(value: Any, key: str, trust: Trust) -> Any:
    """A value of the config with the nodes in it built."""
    if isinstance(value, Mapping):
        if "_target_" in value:
            return build(value, key=key, trust=trust)
        return {name: _value(item, _join(key, str(name)), trust) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_value(item, f"{key}[{place}]", trust) for place, item in enumerate(value)]
    return value


def _find(path: str, key: str) -> Any:
    """What stands at a dotted path: the longest module that can be imported, then its attributes."""
    said = f"{_join(key, '_target_')}={path}"
    parts = path.split(".")
    if len(parts) < 2 or not all(map(str.isidentifier, parts)):
        raise refuse(said, "A target is the dotted path of a class or function, such as torch.nn.MSELoss.")
    found: Any = None
    for depth, part in enumerate(parts):
        name = ".".join(parts[: depth + 1])
        if depth and hasattr(found, part):
            found = getattr(found, part)
            continue
        try:
            found = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{path}.".startswith(f"{error.name}."):
                raise refuse(said, f"Importing {name} failed: {error}.") from error  # something that it imports itself
            near = nearest(part, _names(found) if depth else (*_KNOWN, "lossbook"))
            owner = ".".join(parts[:depth])
            rule = f"{owner} has no '{part}'." if depth else f"There is no package '{part}' to import."
            better = ".".join([*parts[:depth], near or "", *parts[depth + 1 :]])
            raise refuse(said, rule, f"{_join(key, '_target_')}={better}" if near else "") from None
    return found


def _names(owner: Any) -> Iterable[str]:
    """The public attributes of an object, and the submodules of a package."""
    names = {name for name in dir(owner) if not name.startswith("_")}
    return names | {module.name for module in pkgutil.iter_modules(getattr(owner, "__path__", ()))}


def _parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter] | None:
    """The parameters of a callable, annotations resolved where that is possible; None where it does not tell."""
    try:
        try:
            return inspect.signature(function, eval_str=True).parameters
        except Exception:  # an annotation that exists for type checkers alone
            return inspect.signature(function).parameters
    except (ValueError, TypeError):
        return None


def _named(parameters: Mapping[str, inspect.Parameter]) -> list[str]:
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [name for name, parameter in parameters.items() if parameter.kind in by_name]


def _required(function: Callable[..., Any]) -> list[str]:
    parameters = _parameters(function) or {}
    return [name for name in _named(parameters) if parameters[name].default is inspect.Parameter.empty]


def _unknown(
    path: str, name: str, value: Any, key: str, parameters: Mapping[str, inspect.Parameter] | None
) -> Problem | None:
    open_ended = parameters is None or any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    if name in _named(parameters or {}) or (open_ended and not name.startswith("_")):
        return None
    known = _named(parameters or {})
    shown = f"={value}" if isinstance(value, (str, int, float)) else ""
    near = nearest(name, known)
    fix = f"{_join(key, near)}{shown}" if near else f"its arguments are {', '.join(known)}" if known else "remove it"
    return Problem(f"{_join(key, name)}{shown}", f"{path} has no argument '{name}'.", fix)


def _annotation(parameters: Mapping[str, inspect.Parameter] | None, name: str) -> Any:
    return parameters[name].annotation if parameters and name in parameters else inspect.Parameter.empty


def _fit(value: Any, annotation: Any, key: str) -> Any:
    """A list or number as the tensor, a list as the tuple, that the annotation asks for; any other value as it is."""
    kinds = _kinds(annotation)
    if "Tensor" in kinds and isinstance(value, list) and not kinds & {"list", "Sequence", "Iterable"}:
        return _tensor(value, key)
    if "Tensor" in kinds and type(value) in (int, float) and not kinds & {"int", "float"}:
        return _tensor(value, key)
    if "tuple" in kinds and isinstance(value, list) and not kinds & {"list", "Sequence", "Iterable"}:
        return tuple(value)
    return value


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


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name
