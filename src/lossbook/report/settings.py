"""What varied among runs: the choices and values that tell one configuration from another."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

from lossbook.config.options import GROUPS
from lossbook.errors import typed

# seeds are what one averages over; the others say where from, where to and how long, and change no figure
_NO_SETTING = ("seed", "ckpt", "ckpt_lr", "trust", "logger")
_NO_SUBSTANCE = (*_NO_SETTING, "experiment", "choices", "overrides")  # of a config
_WORDS = ("loss.rules", "loss.accepts", "loss.primary", "model.takes", "model.gives")
_LARGE = 1e6  # from here on with an exponent where that is shorter, as %g has it
_PLAIN = re.compile(r"(?!(?i:true|false|null|nan|inf)$)[A-Za-z_]\w*|-?\d+(\.\d+)?(e-?\d+)?")


class Configured(Protocol):
    """A run, or a job that was never run."""

    @property
    def config(self) -> Mapping[str, Any]: ...
    @property
    def overrides(self) -> tuple[str, ...]: ...


def varied(runs: Sequence[Configured], named: Sequence[str] | None = None) -> tuple[str, ...]:
    """The keys that take more than one value among these runs, but for the seed.

    Candidates are the loss, the optimizer and whatever was named on the command line of any run: data and model that
    merely follow from a loss are none.

    Args:
        runs: all that are looked at.
        named: the keys to look at instead, in their order, where a sweep says what it varied.
    """
    if named is None:
        keys = dict.fromkeys(key for run in runs for key in _given(run.overrides))
        first = [key for key in ("loss", "optim") if key not in keys]
        named = [*first, *keys]
    keys = dict.fromkeys(key for key in named if not key.startswith(("hydra.", "hydra/", "sweep.")))
    return _without_recipe(runs, [key for key in keys if key not in _NO_SETTING and len(values(runs, key)) > 1])


def telling(runs: Sequence[Configured], keys: Sequence[str]) -> tuple[str, ...]:
    """Those of the keys that tell the configurations among these runs apart.

    A value that merely follows from a choice, such as each optimizer's own learning rate that nobody named, is none.
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


def unnamed(runs: Sequence[Configured], keys: Sequence[str]) -> tuple[str, ...]:
    """The keys that nobody typed and whose values differ among runs that agree in all of ``keys``.

    An option was edited between them. A value that is a run's seed, wherever it stands, is none, nor is what a contract
    or a model says of itself.
    """
    groups: dict[tuple[str, ...], list[Mapping[str, str]]] = defaultdict(list)
    for run in runs:
        if run.config:
            leaves = dict(_substance(run), seed=value_of(run, "seed"))
            groups[tuple(value_of(run, key) for key in keys)].append(leaves)
    found: dict[str, None] = {}
    for same in groups.values():
        shared = [key for key in same[0] if all(key in one for one in same)]  # others came or went with a version
        for key in shared:
            is_seed = all(one[key] == one["seed"] for one in same)
            if not (is_seed or key.startswith(_WORDS)) and len({one[key] for one in same}) > 1:
                found[key] = None
    return tuple(found)


def named(runs: Sequence[Configured], key: str) -> bool:
    """Whether this key was typed for any of these runs."""
    return any(key in _given(run.overrides) for run in runs)


def _without_recipe(runs: Sequence[Configured], keys: Sequence[str]) -> tuple[str, ...]:
    """The keys without ``experiment``, unless it tells runs apart that no other key does.

    Runs differ by their experiment only where their configs differ too: what a recipe says may as well be typed.
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
    """All of a config that is no seed and says not merely how it was put together."""
    return tuple(leaf for key, node in run.config.items() if key not in _NO_SUBSTANCE for leaf in leaves(node, key))


def leaves(node: Any, key: str) -> Iterator[tuple[str, str]]:
    """The dotted keys below a key, with their values as one types them."""
    if isinstance(node, Mapping):
        for inner, value in node.items():
            yield from leaves(value, f"{key}.{inner}")
    else:
        yield key, text(node)


def _is_choice(key: str) -> bool:
    return (key in GROUPS and key != "experiment") or "/" in key


def values(runs: Sequence[Configured], key: str) -> set[str]:
    """The distinct values of a key; a run without a config that does not name the key has one that is not known."""
    return {value for run in runs if (value := value_of(run, key)) or run.config}


def value_of(run: Configured, key: str) -> str:
    """The value of a key as one types it, numbers in one spelling; empty where the run has no such key."""
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
    """A value as one types it, so that 1 and 1.0, 1e-3 and 0.001 are the same."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        digits = format(value, ".12g")
        return min(digits, _exponent(value), key=len) if _LARGE <= abs(value) < math.inf else digits
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(text, value)) + "]"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{text(inner)}" for key, inner in _by_key(value)) + "}"
    return typed(value)


def _by_key(values: Mapping[Any, Any]) -> list[tuple[Any, Any]]:
    """The order of keys says nothing; they may be numbers and texts."""
    return sorted(values.items(), key=lambda pair: str(pair[0]))


def _exponent(value: float) -> str:
    mantissa, _, exponent = format(value, ".11e").partition("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{exponent}"


def _given(overrides: Sequence[str]) -> dict[str, str]:
    """Key -> what was typed for it; of ``+key=value`` and ``group@package=option`` the key and the group.

    A key that was taken away, ``~key``, has nothing.
    """
    found = {}
    for one in overrides:
        match = re.match(r"[+~]*([^=@]+)(?:@[^=]*)?(?:=(.*))?$", one, re.DOTALL)
        if match:
            found[match[1]] = "" if one.startswith("~") else match[2] or ""
    return found


def renamed(name: str, overrides: Sequence[str]) -> str:
    """A job's name, ``loss=mse,optim.lr=0.01``, with the values of these overrides spelled as everywhere."""
    for key, value in _given(overrides).items():
        mine = re.escape(f"{key}={value}")
        name = re.sub(f"(?:^|(?<=,)){mine}(?=,|$)", lambda _: f"{key}={spelled(value)}", name)  # noqa: B023
    return name


@lru_cache(maxsize=4096)
def spelled(typed_text: str) -> str:
    """What was typed, in the one spelling."""
    if _PLAIN.fullmatch(typed_text):  # the parser takes half a second to come
        return text(float(typed_text)) if typed_text[0] in "-0123456789" else typed_text
    from lossbook.config.arguments import parse

    try:
        (override,) = parse([f"key={typed_text}"])
        return text(override.value()) if typed_text and not override.is_sweep_override() else typed_text
    except Exception:  # whatever it is, the text tells it from others
        return typed_text
