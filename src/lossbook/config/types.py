"""The rule of types: a value must have the type of its default, and null takes any."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lossbook.config.keys import unknown
from lossbook.errors import Problem, typed
from lossbook.losses.contract import SEVERAL
from lossbook.targets import KINDS

RULE = "A value must have the type of its default (null takes any)"
# What a key takes besides the type of its default: words, and types.
_WORDS: dict[str, tuple[str | None, ...]] = {
    "data.batch_size": ("all", "auto"),
    "trainer.devices": ("auto",),
    "trainer.check_val_every_n_epoch": (None,),  # val_check_interval counts across epochs then
    "data.ignored": (None,),  # no value of masks is ignored
    "data.source.ignored": (None,),
}
_PRECISIONS = {16: "16-mixed", 32: "32-true", 64: "64-true"}
# a metric to watch is a name, or {name: ..., mode: ...}
_TYPES: dict[str, Any] = {
    "trainer.devices": list,
    "data.target": (str, Mapping),
    **{f"{node}.{key}": list for node in ("data", "data.source") for key in ("image_size", "normalise")},
    **{f"loss.primary.{kind}": (str, Mapping) for kind in (*KINDS, SEVERAL)},
}
OPEN = ("loss.terms", "metrics")
"""Keys whose mappings hold what the user puts there, of any type; a mapping replaces the one before it."""
_NAMES = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "a mapping",
}


def fits(key: str, value: Any, default: Any) -> bool:
    """Return whether ``value`` may replace ``default``; ``auto``, ``???``, interpolations and null take any value.

    A whole number may replace any number, and the elements of a list follow the same rule.
    """
    if default is None or _open(default) or value in _WORDS.get(key, ()) or _open(value, ("${",)):
        return True
    if isinstance(value, _TYPES.get(key, ())):
        return True
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if isinstance(default, float):
        return isinstance(value, (int, float))
    if isinstance(default, list) and isinstance(value, list):
        return not default or all(any(fits(key, one, other) for other in default) for one in value)
    return isinstance(value, type(default))


def _open(default: Any, prefixes: tuple[str, ...] = ("${", "???", "auto")) -> bool:
    return isinstance(default, str) and default.startswith(prefixes)


def problems(key: str, value: Any, default: Any) -> Iterator[Problem]:
    """Compare a value with its default: types, and in a mapping keys that do not exist.

    An object with another ``_target_``, or one that is added, has keys of its own and is not checked.
    """
    if key in OPEN and (value is None or isinstance(value, Mapping)):
        return
    if isinstance(value, Mapping) and isinstance(default, Mapping) and _same_target(value, default):
        for name, inner in value.items():
            inside = f"{key}.{name}" if key else str(name)
            if name in default:
                yield from problems(inside, inner, default[name])
            elif not (isinstance(inner, Mapping) and "_target_" in inner):
                yield unknown(inside, inner, [f"{key}.{other}" if key else str(other) for other in default])
    elif not fits(key, value, default):
        yield wrong_type(key, value, default)


def _same_target(value: Mapping[str, Any], default: Mapping[str, Any]) -> bool:
    return "_target_" not in value or value["_target_"] == default.get("_target_")


def wrong_type(key: str, value: Any, default: Any) -> Problem:
    """Return the problem of a value that has the wrong type."""
    words = "".join(f", or {typed(word)}" for word in _WORDS.get(key, ()))
    kind = _NAMES.get(type(default), type(default).__name__)
    if isinstance(default, Mapping) and value is None and key.startswith(("callbacks.", "logger.")):
        return Problem(f"{key}=null", f"{RULE}; the default is a mapping.", f"~{key}")
    if isinstance(default, Mapping):
        inner = next((str(name) for name in default if name != "_target_"), "KEY")
        return Problem(f"{key}={typed(value)}", f"{RULE}; the default is a mapping.", f"{key}.{inner}=VALUE")
    if key == "trainer.precision" and isinstance(value, int) and value in _PRECISIONS:
        fix = f"trainer.precision={_PRECISIONS[value]}"
    elif isinstance(default, str) and value is None:
        fix = f"{key}={default}"
    elif isinstance(default, str):
        fix = f"{key}={default}, or quote a number to make it text: \"{key}='{value}'\""
    else:
        fix = f"give {kind}{words}, like {key}={typed(default)}"
    return Problem(f"{key}={typed(value)}", f"{RULE}; the default is {typed(default)}.", fix)
