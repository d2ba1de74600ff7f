"""Check that an optimizer's state from a file fits the optimizer, before any kernel uses it."""

from __future__ import annotations

import copy
import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import LBFGS, Optimizer

from lossbook.checkpoints.entries import Check, anything, described, each, entries, finite, like, optional, whole
from lossbook.optim.resume import Loading, switches
from lossbook.optim.split import Split

_COUNTS = ("step", "eta", "mu", "mu_product")  # counts of steps or products of them, never negative


def state_problems(optimizer: Optimizer, saved: Mapping[str, Any], loading: Loading, number: int = 0) -> Iterator[str]:
    """Yield a sentence for each thing in a saved state that does not fit an optimizer.

    Each parameter's state is compared with that after a first step with zero gradients on a stand-in: the same entries,
    shapes and kinds of numbers, all finite, and no two tensors in the same memory.

    Args:
        optimizer: of this run, its groups with ``param_names``.
        saved: the optimizer's ``state_dict`` from the file, its structure checked.
        loading: how it is loaded; where the optimizer starts afresh nothing of it is used.
        number: of the optimizer in the checkpoint's ``optimizer_states``, for the sentences.
    """
    if loading.fresh:
        return
    groups, states = saved["param_groups"], f"optimizer_states[{number}]"
    named = all("param_names" in group for group in groups)
    if any(len(group.get("param_names", group["params"])) != len(group["params"]) for group in groups):
        yield f"{states}.param_groups: param_names and params differ in number."
        return
    own = [(group, parameter) for group in optimizer.param_groups for parameter in group["params"]]
    if not named and len(own) != sum(len(group["params"]) for group in groups):
        yield f"{states} has another number of parameters than the {len(own)} here."
        return
    names = [name for group in optimizer.param_groups for name in group["param_names"]] if named else range(len(own))
    here = dict(zip(names, own, strict=True))
    known: dict[Any, dict[str, Any]] = {}  # first states, by what they depend on
    kept: list[tuple[str, Tensor]] = []
    for place, group in enumerate(groups):
        entry = f"{states}.param_groups[{place}]"
        labels = group["param_names"] if named else group["params"]
        now = next((here[label][0] for label in labels if label in here), None)
        now = now or optimizer.param_groups[0]
        needed = {"lr"} & now.keys() if named else now.keys() - {"param_names", "name", "frozen_until"}
        yield from (f"{entry}.{key} is missing." for key in needed - group.keys())
        yield from _group_problems(group, now, entry)
        for label, position in zip(labels, group["params"], strict=True):
            state = saved["state"].get(position)
            if state is None or label not in here or switches(group, here[label][0]):
                continue
            mine, parameter = here[label]
            where = f"{states}.state[{position}]"
            if isinstance(optimizer, LBFGS):
                total = sum(each.numel() for _, each in own)
                yield from _flat(total)(state, where)
            else:
                look = (id(mine), parameter.shape, parameter.dtype, parameter.layout)
                if look not in known:
                    known[look] = _first_state(optimizer, mine, parameter)
                yield from _parameter_problems(state, known[look], group, where)
            kept += [(f"{where}.{key}", value) for key, value in state.items() if isinstance(value, Tensor)]
    yield from _sharing(kept)


def _parameter_problems(
    state: Mapping[str, Any], own: Mapping[str, Any], group: Mapping[str, Any], where: str
) -> Iterator[str]:
    """Yield what differs between the saved state of one parameter and its state after a first step."""
    if not own:  # of a foreign optimizer, whose state before its first real step is unknown
        return
    found = [*entries({key: like(value) for key, value in own.items()})(state, where)]
    if found:
        yield from found
        return
    for key in state.keys() - own.keys():
        if not any(group.get(switch) for switch in ("amsgrad", "centered", "momentum")):  # switched off since
            yield f"{where}.{key} is not part of this optimizer's state."
    for key, value in state.items():
        if key in _COUNTS and isinstance(value, Tensor | int | float) and not bool(torch.as_tensor(value >= 0).all()):
            yield f"{where}.{key} is negative."
        if isinstance(value, Tensor) and (type(value) is not Tensor or value.requires_grad):
            kind = type(value).__name__
            yield f"{where}.{key} must be a plain tensor without gradients, and is a {kind}."
    mine, step = own.get("step"), state.get("step")
    if isinstance(mine, Tensor) and isinstance(step, Tensor) and step.dtype != mine.dtype:
        yield f"{where}.step is {described(step)}, and must be {described(mine)}."


def _first_state(optimizer: Optimizer, group: Mapping[str, Any], parameter: Tensor) -> dict[str, Any]:
    """Return the state of a parameter after a first step; empty where it cannot be found out."""
    begun = optimizer.state.get(parameter)
    if begun:  # some optimizers create it at the start
        return dict(begun)
    part = optimizer
    if isinstance(optimizer, Split):
        part = next(one for one in optimizer.parts if any(group is mine for mine in one.param_groups))
    for sparse in (False, True):
        twin = torch.zeros_like(parameter, requires_grad=True)
        nothing = torch.zeros_like(twin)
        twin.grad = nothing.to_sparse(1) if sparse else nothing
        trial = copy.copy(part)
        trial.param_groups, trial.state = [{**group, "params": [twin]}], defaultdict(dict)
        try:
            trial.step()
        except Exception:  # it takes only sparse gradients, or a closure, or is foreign code
            continue
        return dict(trial.state[twin])
    return {}


def _group_problems(group: Mapping[str, Any], own: Mapping[str, Any], entry: str) -> Iterator[str]:
    """Check that hyperparameters are finite and of the right type; their values may differ from this run's."""
    for key, value in group.items():
        if key in ("params", "param_names", "name", "frozen_until"):
            continue
        yield from _hyperparameter(own.get(key, value))(value, f"{entry}.{key}")


def _hyperparameter(own: Any) -> Check:
    """Return the check for a value in place of ``own``; booleans, null and numbers may replace each other."""
    if isinstance(own, bool | int | float | None):
        return lambda value, entry: iter(()) if isinstance(value, bool | None) else _number(value, entry)
    if isinstance(own, list | tuple):

        def checked(value: Any, entry: str) -> Iterator[str]:
            yield from each(anything)(value, entry)
            if isinstance(value, list | tuple):
                if len(value) != len(own):
                    yield f"{entry} has {len(value)} values, and must have {len(own)}."
                for place, one in enumerate(value):
                    yield from optional(_number)(one, f"{entry}[{place}]")

        return checked
    return like(own)


def _number(value: Any, entry: str) -> Iterator[str]:
    """Check that a value is a finite number, or a tensor of one."""
    if isinstance(value, Tensor) and value.numel() == 1 and not value.is_meta:
        value = value.item()
    return finite(value, entry)


def _flat(total: int) -> Check:
    """Return the check for the state of LBFGS: one for all parameters, of vectors with ``total`` numbers."""

    def vector(value: Any, entry: str) -> Iterator[str]:
        wanted = torch.zeros((), device="cpu").expand(total)
        return like(wanted)(value, entry)

    history = optional(each(vector))
    started = {
        "d": vector, "t": _number, "old_dirs": history, "old_stps": history, "ro": each(_number), "H_diag": _number,
        "prev_flat_grad": vector, "prev_loss": _number,
    }  # fmt: skip

    def checked(value: Any, entry: str) -> Iterator[str]:
        yield from entries({"func_evals": whole, "n_iter": whole})(value, entry)
        if value.get("n_iter"):
            found = [*entries(started, {"al": optional(each(optional(_number)))})(value, entry)]
            yield from found
            if not found and len({len(value[key] or ()) for key in ("old_dirs", "old_stps", "ro")}) > 1:
                yield f"{entry}: old_dirs, old_stps and ro must have the same length."

    return checked


def _sharing(tensors: list[tuple[str, Tensor]]) -> Iterator[str]:
    """Check that tensors share no memory, with each other or within themselves: a step would write it several times."""
    spans: dict[int, list[tuple[int, int, str]]] = {}
    for entry, value in tensors:
        if value.layout is not torch.strided or value.is_meta or not value.numel():
            continue
        if value.numel() > 1 and not _dense(value):
            yield f"{entry} is not contiguous in memory of its own."
            continue
        size = value.element_size()
        start = int(value.storage_offset()) * size
        spans.setdefault(value.untyped_storage()._cdata, []).append((start, start + int(value.numel()) * size, entry))
    for found in spans.values():
        found.sort()
        for (_, end, first), (start, _, second) in itertools.pairwise(found):
            if start < end:
                yield f"{first} and {second} share the same memory."


def _dense(value: Tensor) -> bool:
    """Return whether a tensor fills its memory without gaps or overlaps, in any order of dimensions."""
    expected = 1
    for stride, size in sorted(zip(value.stride(), value.shape, strict=True)):
        if size == 1:
            continue
        if stride != expected:
            return False
        expected *= size
    return True
