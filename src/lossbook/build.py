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
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from lossbook.annotations import fit, misfit, named, parameters_of
from lossbook.errors import Problem, UserError, nearest, refuse, typed
from lossbook.trust import Trust

_KNOWN = ("torch", "torchvision", "torchmetrics", "lightning")  # what they raise on bad arguments is the user's mistake
_EXACT = ("torch", "lightning", "lossbook")  # what their annotations say holds
_HYDRAS = ("_args_", "_convert_", "_recursive_")  # words of a node for Hydra's own instantiate


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
    if node.get("_partial_"):
        rule = f"A function that makes a {path.rpartition('.')[2]} is of no use here, the object itself is."
        raise refuse(f"{_join(key, '_partial_')}=true", rule, f"{_join(key, '_partial_')}=false")
    missing = [name for name in _required(made.func) if name not in made.keywords]
    if missing:
        raise refuse(
            f"{_join(key, missing[0])} is not given.",
            f"{path} needs {', '.join(missing)}.",
            f"+{_join(key, missing[0])}=VALUE",
        )
    try:
        return made()
    except (TypeError, ValueError, RuntimeError, AssertionError, LookupError) as error:
        if str(getattr(made.func, "__module__", "")).partition(".")[0] not in _KNOWN:
            raise  # a user's own class: its traceback is what they need
        said = str(error).strip().partition("\n")[0]
        meant = [name for name in _meant(said, node, made.func) if name in node]
        named_back = " ".join(f"{_join(key, name)}={typed(node[name])}" for name in meant)
        fix = " ".join(f"{_join(key, name)}={typed(_default(made.func, name))}" for name in meant)
        raise refuse(named_back or f"{key or path} cannot be built.", f"{path} says: {said}", fix) from error


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


def of_kind(made: Any, kind: Any, key: str, node: Mapping[str, Any]) -> Any:
    """``made``, which a node at ``key`` named, if it is of this kind.

    Raises:
        UserError: it is something else.
    """
    if isinstance(made, kind):
        return made
    wanted = f"{kind.__module__}.{kind.__qualname__}"
    article = "an" if type(made).__name__[:1] in "AEIOUaeiou" else "a"
    rule = f"That makes {article} {type(made).__name__}; what stands here is a {wanted}."
    raise refuse(f"{_join(key, '_target_')}={node['_target_']}", rule, f"a class derived from {wanted}")


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
    parameters = parameters_of(function)
    arguments = {name: value for name, value in node.items() if name not in ("_target_", "_partial_")}
    problems = [_unknown(path, name, value, key, parameters) for name, value in arguments.items()]
    problems += [
        Problem(f"{_join(key, name)} is given.", "It follows from the rest of the config.", "remove it")
        for name in arguments
        if name in given
    ]
    exact = str(getattr(function, "__module__", "")).partition(".")[0] in _EXACT
    for name, value in arguments.items():
        if exact and name in (parameters or {}) and (takes := misfit(value, (parameters or {})[name])):
            at = _join(key, name)
            default = (parameters or {})[name].default
            fix = f"{at}={typed(default)}" if default is not inspect.Parameter.empty else ""
            problems.append(Problem(f"{at}={typed(value)}", f"{path} takes {takes}.", fix))
    if any(problems):
        raise UserError(*filter(None, problems))
    annotations = {name: parameter.annotation for name, parameter in (parameters or {}).items()}
    built = {
        name: fit(_value(value, _join(key, name), trust), annotations.get(name), _join(key, name))
        for name, value in arguments.items()
    }
    taken = {name: value for name, value in offered.items() if name in (parameters or {}) and name not in built}
    return functools.partial(function, **taken, **built, **given)


def _value(value: Any, key: str, trust: Trust) -> Any:
    """A value of the config with the nodes in it built."""
    if isinstance(value, Mapping):
        if "_target_" in value:  # Hydra's word _partial_ asks for the function itself, its arguments bound
            return _bind(value, key, trust, {}, {}) if value.get("_partial_") else build(value, key=key, trust=trust)
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


def _meant(said: str, node: Mapping[str, Any], function: Callable[..., Any]) -> list[str]:
    """The arguments that an error of torch's speaks of: it repeats the value, or fails on a list of another length."""
    numbers = set(re.findall(r"-?[\d.]+(?:e[+-]?\d+)?", said.rstrip(".")))
    found = []
    for name in named(parameters_of(function) or {}):
        default = _default(function, name)
        if name not in node or default is inspect.Parameter.empty:
            continue
        values = node[name] if isinstance(node[name], (list, tuple)) else [node[name]]
        short = isinstance(default, (list, tuple)) and len(values) != len(default)
        changed = any(type(one) in (int, float) and str(one) in numbers for one in values)
        if short or (changed and list(values) != (list(default) if isinstance(default, (list, tuple)) else [default])):
            found.append(name)
    return found


def _default(function: Callable[..., Any], name: str) -> Any:
    return (parameters_of(function) or {})[name].default


def _required(function: Callable[..., Any]) -> list[str]:
    parameters = parameters_of(function) or {}
    return [name for name in named(parameters) if parameters[name].default is inspect.Parameter.empty]


def _unknown(
    path: str, name: str, value: Any, key: str, parameters: Mapping[str, inspect.Parameter] | None
) -> Problem | None:
    open_ended = parameters is None or any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    if name in named(parameters or {}) or (open_ended and not name.startswith("_")):
        return None
    known = named(parameters or {})
    if name in _HYDRAS:
        return Problem(f"{_join(key, name)}={typed(value)}", "Arguments are given by name, as they stand.", "remove it")
    shown = f"={value}" if isinstance(value, (str, int, float)) else ""
    near = nearest(name, known)
    fix = f"{_join(key, near)}{shown}" if near else f"its arguments are {', '.join(known)}" if known else "remove it"
    return Problem(f"{_join(key, name)}{shown}", f"{path} has no argument '{name}'.", fix)


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name
