"""What varied among runs: the choices and values that tell one configuration from another."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

from lossbook.composing.options import GROUPS
from lossbook.errors import typed

# seeds are what one averages over; the others say where from, where to and how long, and change no figure
_NO_SETTING = ("seed", "ckpt", "ckpt_lr", "trust", "logger")
_SELF_EVIDENT = ("loss", "optim", "data", "model")  # an option's name says of which group it is
_LONGEST = 56
_LONGEST_VALUE = 24


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
    return tuple(key for key in keys if key not in _NO_SETTING and len(_values(runs, key)) > 1)


def _values(runs: Sequence[Configured], key: str) -> set[str]:
    """The distinct values; a run without a config that does not name the key has one that is not known."""
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
    return _parsed(_given(run.overrides).get(key, ""))  # a run that died before it wrote its config


def text(value: Any) -> str:
    """A value as one types it, so that 1 and 1.0, 1e-3 and 0.001 are the same."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return format(value, ".12g")
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(text, value)) + "]"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{text(inner)}" for key, inner in value.items()) + "}"
    return typed(value)


def _given(overrides: Sequence[str]) -> dict[str, str]:
    """Key -> what was typed for it; ``+key=value`` and ``group@package=option`` are the key and the group."""
    found = {}
    for one in overrides:
        match = re.match(r"[+~]*([^=@]+)(?:@[^=]*)?(?:=(.*))?$", one, re.DOTALL)
        if match and not one.startswith("~"):
            found[match[1]] = match[2] or ""
    return found


@lru_cache(maxsize=4096)
def _parsed(typed_text: str) -> str:
    """What was typed, in the one spelling."""
    from lossbook.composing.arguments import parse

    try:
        (override,) = parse([f"key={typed_text}"])
        return text(override.value()) if typed_text and not override.is_sweep_override() else typed_text
    except Exception:  # whatever it is, the text tells it from others
        return typed_text


def labels(keys: Sequence[str], every: Sequence[Sequence[str]]) -> list[str]:
    """A short name for each configuration, no two alike.

    Args:
        keys: of the settings.
        every: their values, one sequence a configuration.
    """
    found = [label(keys, values) for values in every]
    taken = Counter(found)
    seen: Counter[str] = Counter()
    for place, name in enumerate(found):
        if taken[name] > 1:  # shortened to the same
            seen[name] += 1
            found[place] = f"{name} ({seen[name]})"
    return found


def label(keys: Sequence[str], values: Sequence[str]) -> str:
    """``mse, adam, lr=0.01``: names of options as they stand, values behind the last part of their key."""
    parts = []
    for key, value in zip(keys, values, strict=True):
        if value == "":
            continue
        bare = key in _SELF_EVIDENT and value != "null"
        value = cut(value, _LONGEST_VALUE)
        parts.append(value if bare else f"{short(key, keys)}={value}")
    return cut(", ".join(parts) or "as it stands", _LONGEST)


def cut(text: str, longest: int) -> str:
    """A text without its middle where it is longer."""
    if len(text) <= longest:
        return text
    tail = (longest - 1) // 3
    return f"{text[: longest - 1 - tail]}…{text[-tail:]}"


def short(key: str, keys: Sequence[str]) -> str:
    """The last part of a key, or all of it where another key ends alike."""
    last = key.rpartition(".")[2]
    return last if sum(other.rpartition(".")[2] == last for other in keys) == 1 else key
