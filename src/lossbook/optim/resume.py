"""Loading an optimizer's state by the names of its parameters, whatever became of the groups in between."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor
from torch.optim import Optimizer

Whose = Literal["checkpoint", "config"]
_OURS = ("name", "frozen_until")  # keys of a group that are the config's alone
_SWITCHES = ("amsgrad", "centered", "momentum")  # what they need in a state is there only if they were on at its start


@dataclass(frozen=True)
class Loading:
    """How a checkpoint's optimizer state is taken over.

    Torch loads by position: groups in another order would swap their states in silence. Here a parameter gets the state
    that was saved under its name, a new one starts afresh, and a group's hyperparameters are the config's. What an
    optimizer keeps in its groups beside them is the checkpoint's. A state that lacks what a hyperparameter needs by now
    (``amsgrad``) is dropped.

    Args:
        lr: whose learning rate counts where the two differ.
        fresh: the checkpoint is another optimizer's, whose state means nothing here.
        flat: the state spans all parameters in their order (LBFGS): it is taken over as a whole or not at all.
        constant: there is no schedule, so that a learning rate starts anew from where the schedule had brought it.
    """

    lr: Whose = "config"
    fresh: bool = False
    flat: bool = False
    constant: bool = False

    def attach(self, optimizer: Optimizer) -> None:
        """Let ``optimizer.load_state_dict`` load so."""
        begun = {parameter: dict(state) for parameter, state in optimizer.state.items()}  # some have one (Adagrad)
        optimizer.register_load_state_dict_pre_hook(functools.partial(self._by_name, begun))

    def _by_name(
        self, begun: Mapping[Tensor, Any], optimizer: Optimizer, saved: dict[str, Any]
    ) -> dict[str, Any] | None:
        if any("param_names" not in group for group in (*optimizer.param_groups, *saved["param_groups"])):
            return None  # what keeps no names is loaded as torch loads it
        before = {} if self.fresh else _places(saved["param_groups"])
        mine = {name: group for group in optimizer.param_groups for name in group["param_names"]}
        names = list(mine)
        keeps = not self.flat or names == [name for group in saved["param_groups"] for name in group["param_names"]]
        known = [name for name in names if keeps and name in before]
        kept = {name: before[name][1] for name in known if not switches(before[name][0], mine[name])}
        groups, position = [], 0
        for group in optimizer.param_groups:
            end = position + len(group["params"])
            old = next((before[name][0] for name in group["param_names"] if name in before), {})
            running = {key: value for key, value in old.items() if key not in group and key not in _OURS}
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
        """The peak and the present value of a group's learning rate."""
        own = group.get("initial_lr", group.get("lr"))  # a stranger's config may name none
        if own is None or not old.get("initial_lr"):
            return {}
        peak = own if self.lr == "config" else old["initial_lr"]
        if self.constant:
            return {"initial_lr": peak, "lr": peak}
        # exact where the peak is the same; a schedule puts it right otherwise
        present = old["lr"] if peak == old["initial_lr"] else peak * (old["lr"] / old["initial_lr"])
        return {"initial_lr": peak, "lr": present}


def changes(saved: Sequence[Mapping[str, Any]], planned: Sequence[Mapping[str, Any]], lr: Whose) -> list[str]:
    """What became of a checkpoint's groups, a line each: those that came and went, and whose learning rates count.

    Args:
        saved: the groups of the checkpoint's optimizer state.
        planned: the groups of this run, with ``name``, pairs of name and parameter, and all hyperparameters;
            ``initial_lr`` where the config names a learning rate.
        lr: whose learning rate counts where the two differ.
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
    """The hyperparameters of a group that need more of a state than was kept under those of an old one."""
    return [key for key in _SWITCHES if group.get(key) and key in old and not old[key]]


def _places(groups: Sequence[Mapping[str, Any]]) -> dict[str, tuple[dict[str, Any], int]]:
    """Each parameter's group, without what lists parameters, and its number in the state."""
    found = {}
    for group in groups:
        rest = {key: value for key, value in group.items() if key not in ("params", "param_names")}
        found.update({name: (rest, number) for name, number in zip(group["param_names"], group["params"], strict=True)})
    return found


def _listed(names: set[str]) -> str:
    ordered = sorted(names)
    return f"{', '.join(ordered[:4])}{f' and {len(ordered) - 4} more' if len(ordered) > 4 else ''}"
