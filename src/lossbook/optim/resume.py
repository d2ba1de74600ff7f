"""Load an optimizer's state by the names of its parameters, however the groups have changed."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor
from torch.optim import Optimizer

Whose = Literal["checkpoint", "config"]
_FROM_CONFIG = ("name", "frozen_until")  # keys of a group that are never loaded
_SWITCHES = ("amsgrad", "centered", "momentum")  # the state has what they need only if they were on at the start


@dataclass(frozen=True)
class Loading:
    """How the state of an optimizer is loaded from a checkpoint.

    Torch loads by position, so groups in another order would silently swap their states. Here each parameter gets the
    state saved under its name, a new parameter starts afresh, and hyperparameters come from the config. Whatever else
    an optimizer keeps in its groups comes from the checkpoint. A state without what a hyperparameter now needs
    (``amsgrad``) is dropped. Of several optimizers, each loads its own state.

    Args:
        lr: whose learning rate to use where config and checkpoint differ.
        fresh: ignore the state, because it is that of another kind of optimizer.
        flat: the state spans all parameters in order (LBFGS), so it is loaded as a whole or not at all.
        constant: there is no longer a schedule, so learning rates return to their peaks.
    """

    lr: Whose = "config"
    fresh: bool = False
    flat: bool = False
    constant: bool = False

    def attach(self, optimizer: Optimizer) -> None:
        """Make ``optimizer.load_state_dict`` load by name."""
        begun = {parameter: dict(state) for parameter, state in optimizer.state.items()}  # Adagrad starts with one
        optimizer.register_load_state_dict_pre_hook(functools.partial(self._by_name, begun))

    def _by_name(
        self, begun: Mapping[Tensor, Any], optimizer: Optimizer, saved: dict[str, Any]
    ) -> dict[str, Any] | None:
        if any("param_names" not in group for group in (*optimizer.param_groups, *saved["param_groups"])):
            return None  # without names it is loaded by position
        before = {} if self.fresh else _by_parameter(saved["param_groups"])
        mine = {name: group for group in optimizer.param_groups for name in group["param_names"]}
        names = list(mine)
        keeps = not self.flat or names == [name for group in saved["param_groups"] for name in group["param_names"]]
        known = [name for name in names if keeps and name in before]
        kept = {name: before[name][1] for name in known if not switches(before[name][0], mine[name])}
        groups, position = [], 0
        for group in optimizer.param_groups:
            end = position + len(group["params"])
            old = next((before[name][0] for name in group["param_names"] if name in before), {})
            running = {key: value for key, value in old.items() if key not in group and key not in _FROM_CONFIG}
            groups.append({**group, **running, **self._rates(group, old), "params": list(range(position, end))})
            position = end
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        state = {number: begun[parameter] for number, parameter in enumerate(parameters) if parameter in begun}
        state |= {
            number: saved["state"][kept[name]]
            for number, name in enumerate(names)
            if name in kept and kept[name] in saved["state"]
        }
        return {**saved, "state": state, "param_groups": groups}

    def _rates(self, group: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
        """Return the peak and the current value of a group's learning rate."""
        own = group.get("initial_lr", group.get("lr"))  # the config of a foreign optimizer may have none
        if own is None or not old.get("initial_lr"):
            return {}
        peak = own if self.lr == "config" else old["initial_lr"]
        if self.constant:
            return {"initial_lr": peak, "lr": peak}
        # exact where the peak is the same; otherwise a schedule will set it
        present = old["lr"] if peak == old["initial_lr"] else peak * (old["lr"] / old["initial_lr"])
        return {"initial_lr": peak, "lr": present}


def changes(saved: Sequence[Mapping[str, Any]], planned: Sequence[Mapping[str, Any]], lr: Whose) -> list[str]:
    """Describe how parameter groups differ from a checkpoint's, a line for each difference.

    Args:
        saved: the groups of the optimizer's state in the checkpoint.
        planned: the groups of this run, with ``name``, pairs of name and parameter, and all hyperparameters;
            ``initial_lr`` where the config has a learning rate.
        lr: whose learning rate is used where the two differ.
    """
    before = {str(group.get("name", number)): set(group.get("param_names", ())) for number, group in enumerate(saved)}
    after = {str(group["name"]): {name for name, _ in group["params"]} for group in planned}
    known, wanted = set().union(*before.values()), set().union(*after.values())
    lines = [f"group {name} is gone" for name in before if name not in after]
    lines += [f"group {name} is new, with {_listed(after[name])}" for name in after if name not in before]
    if wanted - known:
        lines.append(f"trained from here on, without a state: {_listed(wanted - known)}")
    if known - wanted:
        lines.append(f"no longer trained: {_listed(known - wanted)}")
    olds = {name: group for group in saved for name in group.get("param_names", ())}
    for group in planned:
        switched = [(name, switches(olds[name], group)) for name, _ in group["params"] if name in olds]
        anew = {name for name, keys in switched if keys}
        if anew:
            keys = ", ".join(dict.fromkeys(key for _, found in switched for key in found))
            lines.append(f"group {group['name']}: {keys} needs a state of another kind, which starts afresh")
        own = group.get("initial_lr")
        rates = (olds[name].get("initial_lr") for name, _ in group["params"] if name in olds)
        old = next(filter(None, rates), own)
        if own is not None and old != own:
            taken, left = (own, old) if lr == "config" else (old, own)
            other = "checkpoint" if lr == "config" else "config"
            lines.append(f"group {group['name']}: lr {taken:g} of the {lr}, not {left:g} of the {other}")
    return lines


def switches(old: Mapping[str, Any], group: Mapping[str, Any]) -> list[str]:
    """Return the hyperparameters of a group that need state which was not kept under those of the old group."""
    return [key for key in _SWITCHES if group.get(key) and key in old and not old[key]]


def _by_parameter(groups: Sequence[Mapping[str, Any]]) -> dict[str, tuple[dict[str, Any], int]]:
    """Return by name each parameter's group, without its lists of parameters, and the parameter's number."""
    found = {}
    for group in groups:
        rest = {key: value for key, value in group.items() if key not in ("params", "param_names")}
        found.update({name: (rest, number) for name, number in zip(group["param_names"], group["params"], strict=True)})
    return found


def _listed(names: set[str]) -> str:
    ordered = sorted(names)
    return f"{', '.join(ordered[:4])}{f' and {len(ordered) - 4} more' if len(ordered) > 4 else ''}"
