"""The settings that vary among runs: choices and values that distinguish configurations."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

from lossbook.config.options import GROUPS
from lossbook.errors import typed

# seeds and folds are averaged over; the others do not change the result
_NO_SETTING = ("seed", "data.fold", "ckpt", "ckpt_lr", "trust", "logger")
FOLD = ("data.fold", "data.source.fold")  # leaves of a config
_NO_SUBSTANCE = (*_NO_SETTING, "augment", "experiment", "choices", "overrides")  # of a config
_WORDS = ("loss.rules", "loss.accepts", "loss.primary", "model.takes", "model.gives")
_LARGE = 1e6  # larger numbers get an exponent if that is shorter, as in %g
_PLAIN = re.compile(r"(?!(?i:true|false|null|nan|inf)$)[A-Za-z_]\w*|-?\d+(\.\d+)?(e-?\d+)?")


class Configured(Protocol):
    """A run, or a job that was not run."""

    @property
    def config(self) -> Mapping[str, Any]: ...
    @property
    def overrides(self) -> tuple[str, ...]: ...


def varied(runs: Sequence[Configured], named: Sequence[str] | None = None) -> tuple[str, ...]:
    """Return the keys with more than one value among these runs, except the seed and the fold.

    Candidates are the loss, the optimizer and all keys that any run was given on the command line, but not the default
    data and model of a loss.

    Args:
        runs: all.
        named: the candidates instead, in order, if a sweep recorded what it varied.
    """
    if named is None:
        keys = dict.fromkeys(key for run in runs for key in _given(run.overrides))
        first = [key for key in ("loss", "optim") if key not in keys]
        named = [*first, *keys]
    keys = dict.fromkeys(key for key in named if not key.startswith(("hydra.", "hydra/", "sweep.")))
    return _without_recipe(runs, [key for key in keys if key not in _NO_SETTING and len(values(runs, key)) > 1])


def distinguishing(runs: Sequence[Configured], keys: Sequence[str]) -> tuple[str, ...]:
    """Return those keys that distinguish the configurations of these runs.

    A value that follows from a choice, such as the default learning rate of each optimizer, does not.
    """
    inner = [key for key in keys if len(values(runs, key)) > 1]
    choices = [key for key in inner if _is_choice(key)]
    groups: dict[tuple[str, ...], list[Configured]] = defaultdict(list)
    for run in runs:
        groups[tuple(value_of(run, key) for key in choices)].append(run)
    return _without_recipe(
        runs,
        [
            key
            for key in inner
            if key in choices or any(len(values(same, key)) > 1 or named(same, key) for same in groups.values())
        ],
    )


def edited(runs: Sequence[Configured], keys: Sequence[str]) -> tuple[str, ...]:
    """Return the keys whose values differ among runs that agree in all of ``keys``: options edited between runs.

    Values that equal the run's seed do not count, nor does what a contract or a model says about itself.
    """
    groups: dict[tuple[str, ...], list[Mapping[str, str]]] = defaultdict(list)
    for run in runs:
        if run.config:
            leaves = dict(_substance(run), seed=value_of(run, "seed"))
            groups[tuple(value_of(run, key) for key in keys)].append(leaves)
    found: dict[str, None] = {}
    for same in groups.values():
        shared = [
            key for key in same[0] if all(key in one for one in same)
        ]  # other keys were added or removed by a version
        for key in shared:
            is_seed = all(one[key] == one["seed"] for one in same)
            if not (is_seed or key.startswith(_WORDS)) and len({one[key] for one in same}) > 1:
                found[key] = None
    return tuple(found)


def named(runs: Sequence[Configured], key: str) -> bool:
    """Return whether this key was given on the command line of any of these runs."""
    return any(key in _given(run.overrides) for run in runs)


def _without_recipe(runs: Sequence[Configured], keys: Sequence[str]) -> tuple[str, ...]:
    """Return the keys without ``experiment``, unless it distinguishes runs that no other key does.

    Runs with different experiments differ only if their configs do: an experiment's values may also be typed.
    """
    rest = tuple(key for key in keys if key != "experiment")
    if len(rest) == len(keys):
        return rest
    alike: dict[tuple[str, ...], list[Configured]] = defaultdict(list)
    for run in runs:
        if run.config:
            alike[tuple(value_of(run, key) for key in rest)].append(run)
    for same in alike.values():
        if len(values(same, "experiment")) > 1 and len({_substance(run) for run in same}) > 1:
            return tuple(keys)
    return rest


def _substance(run: Configured) -> tuple[tuple[str, str], ...]:
    """Return all values of a config, except seeds, the fold, and how it was composed."""
    every = (leaf for key, node in run.config.items() if key not in _NO_SUBSTANCE for leaf in leaves(node, key))
    return tuple(leaf for leaf in every if leaf[0] not in FOLD)


def leaves(node: Any, key: str) -> Iterator[tuple[str, str]]:
    """Yield the dotted keys below a key, with their values as one types them."""
    if isinstance(node, Mapping):
        for inner, value in node.items():
            yield from leaves(value, f"{key}.{inner}")
    else:
        yield key, text(node)


def _is_choice(key: str) -> bool:
    return (key in GROUPS and key != "experiment") or "/" in key


def values(runs: Sequence[Configured], key: str) -> set[str]:
    """Return the distinct values of a key; empty ones of runs without a config are unknown and left out."""
    return {value for run in runs if (value := value_of(run, key)) or run.config}


def value_of(run: Configured, key: str) -> str:
    """Return the value of a key as one types it, numbers in one spelling; empty if the run has no such key."""
    if key in GROUPS or "/" in key:
        choices = run.config.get("choices")
        if isinstance(choices, Mapping) and key in choices:
            return text(choices[key])
    else:
        node: Any = run.config
        for part in key.split("."):
            if not (isinstance(node, Mapping) and part in node):
                break
            node = node[part]
        else:
            return text(node)
    return spelled(_given(run.overrides).get(key, ""))  # a run that died before it wrote its config


def text(value: Any) -> str:
    """Return a value as one types it, the same for 1 and 1.0, or 1e-3 and 0.001."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        digits = format(value, ".12g")
        return min(digits, _exponent(value), key=len) if _LARGE <= abs(value) < math.inf else digits
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(text, value)) + "]"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{text(inner)}" for key, inner in _by_key(value)) + "}"
    return typed(value)


def _by_key(values: Mapping[Any, Any]) -> list[tuple[Any, Any]]:
    """Sort a mapping, whose keys may be numbers and texts."""
    return sorted(values.items(), key=lambda pair: str(pair[0]))


def _exponent(value: float) -> str:
    mantissa, _, exponent = format(value, ".11e").partition("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{exponent}"


def _given(overrides: Sequence[str]) -> dict[str, str]:
    """Return what was typed for each key; ``+key=value`` and ``group@package=option`` count as key and group.

    A removed key, ``~key``, has an empty value.
    """
    found = {}
    for one in overrides:
        match = re.match(r"[+~]*([^=@]+)(?:@[^=]*)?(?:=(.*))?$", one, re.DOTALL)
        if match:
            found[match[1]] = "" if one.startswith("~") else match[2] or ""
    return found


def renamed(name: str, overrides: Sequence[str]) -> str:
    """Return a job's name, ``loss=mse,optim.lr=0.01``, with its values in the one spelling."""
    for key, value in _given(overrides).items():
        mine = re.escape(f"{key}={value}")
        name = re.sub(f"(?:^|(?<=,)){mine}(?=,|$)", lambda _: f"{key}={spelled(value)}", name)  # noqa: B023
    return name


@lru_cache(maxsize=4096)
def spelled(typed_text: str) -> str:
    """Return a typed value in the one spelling."""
    if _PLAIN.fullmatch(typed_text):  # importing the parser takes half a second
        return text(float(typed_text)) if typed_text[0] in "-0123456789" else typed_text
    from lossbook.config.arguments import parse

    try:
        (override,) = parse([f"key={typed_text}"])
        return text(override.value()) if typed_text and not override.is_sweep_override() else typed_text
    except Exception:  # unreadable, but the text distinguishes it
        return typed_text
