"""Loading an optimizer's state by the names of its parameters, whatever became of the groups in between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from torch.optim import Optimizer

Whose = Literal["checkpoint", "config"]
_OURS = ("name", "frozen_until")  # keys of a group that are the config's alone


@dataclass(frozen=True)
class Loading:
    """How a checkpoint's optimizer state is taken over.

    Torch loads by position: groups in another order would swap their states in silence. Here a parameter gets the state
    that was saved under its name, a new one starts afresh, and a group's hyperparameters are the config's. What an
    optimizer keeps in its groups beside them is the checkpoint's.

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
        optimizer.register_load_state_dict_pre_hook(self._by_name)

    def _by_name(self, optimizer: Optimizer, saved: dict[str, Any]) -> dict[str, Any] | None:
        if any("param_names" not in group for group in (*optimizer.param_groups, *saved["param_groups"])):
            return None  # what keeps no names is loaded as torch loads it
        before = {} if self.fresh else _by_name(saved["param_groups"])
        names = [name for group in optimizer.param_groups for name in group["param_names"]]
        keeps = not self.flat or names == [name for group in saved["param_groups"] for name in group["param_names"]]
        kept = {name: before[name][1] for name in names if keeps and name in before}
        groups, position = [], 0
        for group in optimizer.param_groups:
            end = position + len(group["params"])
            old = next((before[name][0] for name in group["param_names"] if name in before), {})
            running = {key: value for key, value in old.items() if key not in group and key not in _OURS}
            groups.append({**group, **running, **self._rates(group, old), "params": list(range(position, end))})
            position = end
        state = {
            number: saved["state"][kept[name]]
            for number, name in enumerate(names)
            if name in kept and kept[name] in saved["state"]
        }
        return {**saved, "state": state, "param_groups": groups}

    def _rates(self, group: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
        """The peak and the present value of a group's learning rate."""
        if not old.get("initial_lr"):
            return {}
        peak = group["initial_lr"] if self.lr == "config" else old["initial_lr"]
        if self.constant:
            return {"initial_lr": peak, "lr": peak}
        # exact where the peak is the same; a schedule of ours puts it right otherwise
        present = old["lr"] if peak == old["initial_lr"] else peak * (old["lr"] / old["initial_lr"])
        return {"initial_lr": peak, "lr": present}


def changes(saved: Sequence[Mapping[str, Any]], planned: Sequence[Mapping[str, Any]], lr: Whose) -> list[str]:
    """What became of a checkpoint's groups, a line each: those that came and went, and whose learning rates count.

    Args:
        saved: the groups of the checkpoint's optimizer state.
        planned: the groups of this run, with ``name``, ``initial_lr`` and pairs of name and parameter.
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
    peaks = {name: group.get("initial_lr") for group in saved for name in group.get("param_names", ())}
    for group in planned:
        old = next((peaks[name] for name, _ in group["params"] if peaks.get(name)), group["initial_lr"])
        if old != group["initial_lr"]:
            taken, left = (group["initial_lr"], old) if lr == "config" else (old, group["initial_lr"])
            other = "checkpoint" if lr == "config" else "config"
            lines.append(f"group {group['name']}: lr {taken:g} of the {lr}, not {left:g} of the {other}")
    return lines


def _by_name(groups: Sequence[Mapping[str, Any]]) -> dict[str, tuple[dict[str, Any], int]]:
    """Each parameter's group, without what lists parameters, and its number in the state."""
    found = {}
    for group in groups:
        rest = {key: value for key, value in group.items() if key not in ("params", "param_names")}
        found.update({name: (rest, number) for name, number in zip(group["param_names"], group["params"], strict=True)})
    return found


def _listed(names: set[str]) -> str:
    ordered = sorted(names)
    return f"{', '.join(ordered[:4])}{f' and {len(ordered) - 4} more' if len(ordered) > 4 else ''}"
