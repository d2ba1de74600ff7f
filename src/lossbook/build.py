"""Build the object that a plain config node names: ``{_target_: torch.nn.BCELoss, reduction: sum}``.

Nested nodes are built first, lists become tensors or tuples where the callable's annotation says so, and errors name
the keys of the config.
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

_KNOWN = ("torch", "torchvision", "torchmetrics", "lightning")  # an error that they raise is the user's mistake
_EXACT = ("torch", "lightning", "lossbook")  # their annotations can be relied on
_HYDRAS = ("_args_", "_convert_", "_recursive_")  # keys that only Hydra's own instantiate knows


def build(
    node: Mapping[str, Any],
    /,
    *,
    key: str = "",
    trust: Trust = Trust(),  # noqa: B008  (frozen)
    offered: Mapping[str, Any] | None = None,
    **given: Any,
) -> Any:
    """Build the object that a config node names.

    Args:
        node: plain dict with ``_target_``, a dotted path, and the arguments of that callable by name.
        key: where the node stands in the config (``loss.criterion``), for messages.
        trust: what the config may build; by default only what is safe in one that came from elsewhere.
        offered: arguments that are passed where the callable takes them by name and the node does not give them.
        given: arguments that are always passed.

    Raises:
        UserError: a name that must not be built; a path that cannot be found; an argument that is unknown (with the
            nearest real one), missing, or refused by a class of torch.
    """
    made = bind(node, key=key, trust=trust, offered=offered, **given)
    path = node["_target_"]
    if node.get("_partial_"):
        rule = f"The {path.rpartition('.')[2]} itself is needed here, not a function that makes one."
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
            raise  # a user's own class: the traceback is what they need
        said = str(error).strip().partition("\n")[0]
        meant = [name for name in _meant(said, node, made.func) if name in node]
        shown = " ".join(f"{_join(key, name)}={typed(node[name])}" for name in meant)
        fix = " ".join(f"{_join(key, name)}={typed(_default(made.func, name))}" for name in meant)
        raise refuse(shown or f"{key or path} cannot be built.", f"{path} says: {said}", fix) from error


def bind(
    node: Mapping[str, Any],
    /,
    *,
    key: str = "",
    trust: Trust = Trust(),  # noqa: B008
    offered: Mapping[str, Any] | None = None,
    **given: Any,
) -> functools.partial[Any]:
    """Bind a node's arguments to the callable that it names, without calling it.

    Arguments and errors are those of ``build``, except that arguments may be missing.
    """
    trust.check_names(node)
    return _bind(node, key, trust, offered or {}, given)


def of_kind(made: Any, kind: Any, key: str, node: Mapping[str, Any]) -> Any:
    """Return ``made``, which a node at ``key`` named, after checking that it is an instance of ``kind``.

    Raises:
        UserError: it is not.
    """
    if isinstance(made, kind):
        return made
    wanted = f"{kind.__module__}.{kind.__qualname__}"
    article = "an" if type(made).__name__[:1] in "AEIOUaeiou" else "a"
    rule = f"That is {article} {type(made).__name__}; a {wanted} is needed here."
    raise refuse(f"{_join(key, '_target_')}={node['_target_']}", rule, f"a class derived from {wanted}")


def target(path: str, /, *, key: str = "", trust: Trust = Trust()) -> Callable[..., Any]:  # noqa: B008
    """Import the class or function at a dotted path.

    Raises:
        UserError: ``trust`` does not allow it, or nothing is at that path (with the nearest name).
    """
    trust.check_names({"_target_": path})
    found = _find(path, key)
    if not callable(found):
        raise refuse(f"{_join(key, '_target_')}={path}", f"That is a {type(found).__name__}, which cannot be called.")
    trust.check_object(path, found)
    return found


def _bind(
    node: Mapping[str, Any], key: str, trust: Trust, offered: Mapping[str, Any], given: Mapping[str, Any]
) -> functools.partial[Any]:
    if not isinstance(node, Mapping) or not isinstance(node.get("_target_"), str):
        raise refuse(f"{key or 'The node'} has no '_target_'.", "It must name a class: _target_: torch.nn.MSELoss.")
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
    """Build the nodes in a value of the config."""
    if isinstance(value, Mapping):
        if "_target_" in value and value["_target_"] is None:  # an option that is not taken
            if idle := [_join(key, name) for name in value if name != "_target_"]:
                rule = "Without a class these arguments would have no effect."
                raise refuse(f"{', '.join(idle)} with {key}._target_=null", rule, f"{key}._target_=PACKAGE.CLASS")
            return None
        if "_target_" in value:  # _partial_ asks for the callable itself, with its arguments bound
            return _bind(value, key, trust, {}, {}) if value.get("_partial_") else build(value, key=key, trust=trust)
        return {name: _value(item, _join(key, str(name)), trust) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_value(item, f"{key}[{place}]", trust) for place, item in enumerate(value)]
    return value


def _find(path: str, key: str) -> Any:
    """Return what a dotted path refers to: the longest module that can be imported, then its attributes."""
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
                raise refuse(said, f"Importing {name} failed: {error}.") from error  # a module that it imports in turn
            near = nearest(part, _names(found) if depth else (*_KNOWN, "lossbook"))
            owner = ".".join(parts[:depth])
            rule = f"{owner} has no '{part}'." if depth else f"There is no package '{part}' to import."
            better = ".".join([*parts[:depth], near or "", *parts[depth + 1 :]])
            raise refuse(said, rule, f"{_join(key, '_target_')}={better}" if near else "") from None
    return found


def _names(owner: Any) -> Iterable[str]:
    """Return the public attributes of an object, and the submodules of a package."""
    names = {name for name in dir(owner) if not name.startswith("_")}
    return names | {module.name for module in pkgutil.iter_modules(getattr(owner, "__path__", ()))}


def _meant(said: str, node: Mapping[str, Any], function: Callable[..., Any]) -> list[str]:
    """Return the arguments that an error message is about: it repeats a value, or a list has another length."""
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
        return Problem(f"{_join(key, name)}={typed(value)}", "Arguments are given by name only.", "remove it")
    shown = f"={value}" if isinstance(value, (str, int, float)) else ""
    near = nearest(name, known)
    fix = f"{_join(key, near)}{shown}" if near else f"its arguments are {', '.join(known)}" if known else "remove it"
    return Problem(f"{_join(key, name)}{shown}", f"{path} has no argument '{name}'.", fix)


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name
