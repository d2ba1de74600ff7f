"""An optimizer's state out of a file, held against that of this optimizer, before a kernel reads and writes by it."""

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

_COUNTS = ("step", "eta", "mu", "mu_product")  # of steps, or made of such: never negative


def state_problems(optimizer: Optimizer, saved: Mapping[str, Any], loading: Loading) -> Iterator[str]:
    """What in a saved state does not fit an optimizer, in sentences.

    Each parameter's state is held against that of a first step on a stand-in of zeros: same entries, shapes and kinds
    of numbers, all finite, none in the memory of another.

    Args:
        optimizer: as this run has made it, its groups with ``param_names``.
        saved: what ``state_dict`` gave, its structure checked.
        loading: how it is taken over; where the optimizer starts afresh nothing of it is used.
    """
    if loading.fresh:
        return
    groups = saved["param_groups"]
    named = all("param_names" in group for group in groups)
    if any(len(group.get("param_names", group["params"])) != len(group["params"]) for group in groups):
        yield "optimizer_states[0].param_groups: param_names and params differ in number."
        return
    own = [(group, parameter) for group in optimizer.param_groups for parameter in group["params"]]
    if not named and len(own) != sum(len(group["params"]) for group in groups):
        yield f"optimizer_states[0] is of another number of parameters than the {len(own)} here."
        return
    names = [name for group in optimizer.param_groups for name in group["param_names"]] if named else range(len(own))
    here = dict(zip(names, own, strict=True))
    known: dict[Any, dict[str, Any]] = {}  # a first state by what it depends on
    kept: list[tuple[str, Tensor]] = []
    for place, group in enumerate(groups):
        entry = f"optimizer_states[0].param_groups[{place}]"
        labels = group["param_names"] if named else group["params"]
        now = next((here[label][0] for label in labels if label in here), None)
        now = now or optimizer.param_groups[0]
        needed = {"lr"} & now.keys() if named else now.keys() - {"param_names", "name", "frozen_until"}
        yield from (f"{entry}.{key} is missing." for key in needed - group.keys())
        yield from _group_problems(group, now, entry)
        for label, number in zip(labels, group["params"], strict=True):
            state = saved["state"].get(number)
            if state is None or label not in here or switches(group, here[label][0]):
                continue
            mine, parameter = here[label]
            where = f"optimizer_states[0].state[{number}]"
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
    """What differs between the state of one parameter and its first one."""
    if not own:  # of a stranger's optimizer, which says nothing of its state before it has gradients of its own
        return
    found = [*entries({key: like(value) for key, value in own.items()})(state, where)]
    if found:
        yield from found
        return
    for key in state.keys() - own.keys():
        if not any(group.get(switch) for switch in ("amsgrad", "centered", "momentum")):  # switched off since
            yield f"{where}.{key} is nothing that this optimizer keeps."
    for key, value in state.items():
        if key in _COUNTS and isinstance(value, Tensor | int | float) and not bool(torch.as_tensor(value >= 0).all()):
            yield f"{where}.{key} is negative."
        if isinstance(value, Tensor) and (type(value) is not Tensor or value.requires_grad):
            yield f"{where}.{key} is a {type(value).__name__} that wants gradients; a state is a plain tensor."
    mine, step = own.get("step"), state.get("step")
    if isinstance(mine, Tensor) and isinstance(step, Tensor) and step.dtype != mine.dtype:
        yield f"{where}.step is {described(step)}, and here {described(mine)}."


def _first_state(optimizer: Optimizer, group: Mapping[str, Any], parameter: Tensor) -> dict[str, Any]:
    """The state of a parameter after a first step; empty where that cannot be told."""
    begun = optimizer.state.get(parameter)
    if begun:  # some begin with one
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
        except Exception:  # sparse gradients alone, a closure, anything in a stranger's code
            continue
        return dict(trial.state[twin])
    return {}


def _group_problems(group: Mapping[str, Any], own: Mapping[str, Any], entry: str) -> Iterator[str]:
    """Hyperparameters of another type than theirs here, or not finite; the value itself may have been another."""
    for key, value in group.items():
        if key in ("params", "param_names", "name", "frozen_until"):
            continue
        yield from _hyperparameter(own.get(key, value))(value, f"{entry}.{key}")


def _hyperparameter(own: Any) -> Check:
    """What may stand where ``own`` stands: true, false, null and numbers go for each other, for defaults change."""
    if isinstance(own, bool | int | float | None):
        return lambda value, entry: iter(()) if isinstance(value, bool | None) else _number(value, entry)
    if isinstance(own, list | tuple):

        def checked(value: Any, entry: str) -> Iterator[str]:
            yield from each(anything)(value, entry)
            if isinstance(value, list | tuple):
                if len(value) != len(own):
                    yield f"{entry} has {len(value)} values, and here {len(own)}."
                for place, one in enumerate(value):
                    yield from optional(_number)(one, f"{entry}[{place}]")

        return checked
    return like(own)


def _number(value: Any, entry: str) -> Iterator[str]:
    """A finite number, also as a tensor."""
    if isinstance(value, Tensor) and value.numel() == 1 and not value.is_meta:
        value = value.item()
    return finite(value, entry)


def _flat(total: int) -> Check:
    """LBFGS keeps one state for all parameters, vectors of as many numbers as there are weights."""

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
                yield f"{entry}: old_dirs, old_stps and ro are of one length."

    return checked


def _sharing(tensors: list[tuple[str, Tensor]]) -> Iterator[str]:
    """Tensors that lie in each other's memory, or twice in their own: a step would write them several times."""
    spans: dict[int, list[tuple[int, int, str]]] = {}
    for entry, value in tensors:
        if value.layout is not torch.strided or value.is_meta or not value.numel():
            continue
        if value.numel() > 1 and not _dense(value):
            yield f"{entry} does not lie in memory of its own."
            continue
        size = value.element_size()
        start = int(value.storage_offset()) * size
        spans.setdefault(value.untyped_storage()._cdata, []).append((start, start + int(value.numel()) * size, entry))
    for found in spans.values():
        found.sort()
        for (_, end, first), (start, _, second) in itertools.pairwise(found):
            if start < end:
                yield f"{first} and {second} lie in the same memory."


def _dense(value: Tensor) -> bool:
    """Whether a tensor's numbers fill their memory without gaps or overlaps, in whatever order of dimensions."""
    expected = 1
    for stride, size in sorted(zip(value.stride(), value.shape, strict=True)):
        if size == 1:
            continue
        if stride != expected:
            return False
        expected *= size
    return True
