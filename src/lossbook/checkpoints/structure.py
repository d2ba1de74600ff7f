"""The structure of a checkpoint. What was read is checked once, so that all other code may rely on it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from lossbook.checkpoints import entries as shape
from lossbook.checkpoints.entries import Check, each, entries, flag, number, optional, pair, text, whole

ENTRY = "lossbook"  # the entry of Lossbook in a checkpoint: config, version, random states
TRAINED = "current_model_state"  # the trained weights, where state_dict holds an average of them; Lightning's name
LEAVES = (type(None), bool, int, float, complex, str, bytes, torch.dtype, torch.device, torch.Size)

_DEEPEST = 64  # nested containers
_MOST = 5_000_000  # entries: containers that hold each other would never end


def problems(checkpoint: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the structure of a checkpoint, a sentence each.

    The types of all entries are checked, also of nested ones; entries that training needs may be missing.
    """
    found = next(_oddities(checkpoint), None)
    if found is not None:  # the checks below might not end
        yield found
    else:
        yield from _STRUCTURE(checkpoint, "")


def missing_to_resume(checkpoint: Mapping[str, Any]) -> Iterator[str]:
    """Yield the entries that training needs, beside weights and config, and that are missing."""
    yield from _TO_RESUME(checkpoint, "")


def _oddities(checkpoint: Any) -> Iterator[str]:
    """Yield what no checkpoint holds: other objects, tensors without values, endless nesting."""
    waiting: list[tuple[Any, str, int]] = [(checkpoint, "", 0)]
    seen = 0
    while waiting:
        value, entry, depth = waiting.pop()
        seen += 1
        if depth > _DEEPEST or seen > _MOST:
            yield f"{entry[:80]} is nested too deeply."
            return
        if isinstance(value, Mapping):
            for key, inner in value.items():
                waiting.append((inner, f"{entry}.{key}" if entry else str(key), depth + 1))
        elif isinstance(value, list | tuple) and not isinstance(value, torch.Size):
            waiting += [(inner, f"{entry}[{place}]", depth + 1) for place, inner in enumerate(value)]
        elif isinstance(value, Tensor):
            if value.is_meta:
                yield f"{entry} is a tensor without values."
        elif not isinstance(value, LEAVES):
            yield f"{entry} is a {type(value).__name__}, which no checkpoint holds."


def _config(value: Any, entry: str) -> Iterator[str]:
    """Check for plain values without interpolations."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str | int):
                yield f"{entry} has the key {key!r}."
            elif key == "_target_" and not isinstance(inner, str | None):
                yield from text(inner, f"{entry}.{key}")
            else:
                yield from _config(inner, f"{entry}.{key}")
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _config(inner, f"{entry}[{place}]")
    elif isinstance(value, str):
        if re.search(r"\$\{[^}]*:", value) and not entry.startswith(f"{ENTRY}.config.overrides"):
            yield f"{entry} is an interpolation ({value[:40]}); checkpoints hold resolved values."
    elif not isinstance(value, bool | int | float | None):
        yield f"{entry} is a {type(value).__name__}, which no config holds."


def _version(value: Any, entry: str) -> Iterator[str]:
    if not (isinstance(value, str) and re.fullmatch(r"2(\.\d+)+[\w.+]*", value)):
        yield f"{entry} is {str(value)[:40]!r}; it must be a version of Lightning 2."


_WEIGHTS = each(shape.tensor, str)
_PROGRESS: Check = entries({"total": each(whole, str), "current": each(whole, str)})
_GROUP = entries({"params": each(whole)}, {"param_names": each(text), "name": text})
_OPTIMIZER = entries({"state": each(each(shape.anything, str), (int, str)), "param_groups": each(_GROUP)})
_RNG = entries(
    {
        "python": entries({"version": whole, "words": shape.tensor, "gauss": optional(number)}),
        "numpy": entries({"words": shape.tensor, "position": whole, "has_gauss": whole, "gauss": number}),
        "torch": shape.tensor,
        "cuda": optional(shape.tensor),
    }
)
_CURVES = entries({"step": whole, "points": each(pair(whole, each(number, str)))})
_METRIC = entries({"updates": whole})
_STRUCTURE = entries(
    {
        "state_dict": _WEIGHTS,
        ENTRY: entries(
            {"config": _config},
            {
                "version": text,
                "rng": each(_RNG),
                "seconds": shape.finite,
                "curves": optional(_CURVES),
                "stopped": flag,
            },
        ),
    },
    {
        "pytorch-lightning_version": _version,
        "epoch": whole,
        "global_step": whole,
        TRAINED: _WEIGHTS,
        "loops": entries({"fit_loop": entries({"epoch_progress": _PROGRESS})}),
        "callbacks": each(each(shape.anything, str), str),
        "optimizer_states": each(_OPTIMIZER),
        "lr_schedulers": each(each(shape.anything, str)),
        "meter": each(each(_METRIC, str)),
    },
)
_TO_RESUME = entries(
    {
        **dict.fromkeys(
            ("pytorch-lightning_version", "global_step", "loops", "callbacks", "optimizer_states", "lr_schedulers",
             "meter"),
            shape.anything,
        ),
        ENTRY: entries({"rng": shape.anything}),
    }
)  # fmt: skip
