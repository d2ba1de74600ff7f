"""Build a schedule from its config node, in the form that Lightning steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from lossbook.build import bind, build, target
from lossbook.errors import UserError
from lossbook.metrics.direction import mode_of
from lossbook.optim.schedules.checks import torch_plateau
from lossbook.optim.schedules.length import Length
from lossbook.optim.schedules.plateau import Plateau
from lossbook.optim.schedules.schedule import Schedule
from lossbook.trust import Trust

MakeScheduler = Callable[[Optimizer, Length], dict[str, Any]]


def scheduler_factory(
    node: Mapping[str, Any], trust: Trust, primary: tuple[str, str], directions: Mapping[str, str | None]
) -> MakeScheduler | None:
    """Return a function (optimizer, length of the run) -> Lightning's scheduler config; None for a constant rate.

    A ``Schedule`` is stepped once a step. Any other class is stepped as the node's ``interval`` (default ``step``) and
    ``frequency`` say, and is given ``total_steps``, how often that will be, if it takes such an argument.

    Args:
        node: of the config; unknown arguments are refused here, before there is an optimizer.
        trust: what the config may build.
        primary: tag and mode of the metric that ``monitor: primary`` stands for, such as ``("val/acc", "max")``.
        directions: whether ``max`` or ``min`` is best for other metrics, as from ``Objective.directions``.

    Raises:
        UserError: as ``lossbook.build.build``; for torch's ``ReduceLROnPlateau``; or where it is unknown whether
            a larger value of the monitored metric is better.
    """
    if node.get("_target_") is None:
        return None
    found = target(node["_target_"], key="scheduler", trust=trust)
    kind = found if isinstance(found, type) else object
    if issubclass(kind, ReduceLROnPlateau):
        raise UserError(torch_plateau())
    times = {"interval": node.get("interval", "step"), "frequency": node.get("frequency", 1)}
    arguments = {key: value for key, value in node.items() if key != "_partial_"}  # it is always called later
    if issubclass(kind, Schedule):
        times = {"interval": "step", "frequency": 1}
    else:
        arguments = {key: value for key, value in arguments.items() if key not in times}
    if issubclass(kind, Plateau):
        arguments |= _watched(node, primary, directions)
    bind(arguments, key="scheduler", trust=trust, optimizer=None)

    def make(optimizer: Optimizer, length: Length) -> dict[str, Any]:
        calls = length.calls(**times)
        offered: dict[str, Any] = {"length": length} | ({} if calls is None else {"total_steps": calls})
        return {
            "scheduler": build(arguments, key="scheduler", trust=trust, offered=offered, optimizer=optimizer),
            **times,
        }

    return make


def _watched(node: Mapping[str, Any], primary: tuple[str, str], directions: Mapping[str, str | None]) -> dict[str, str]:
    """Return the tag that a plateau monitors and its mode, by default that of the metric."""
    monitor = primary[0] if node.get("monitor", "primary") == "primary" else str(node["monitor"])
    mode = node.get("mode") or (primary[1] if monitor == primary[0] else mode_of(monitor, directions, "scheduler"))
    return {"monitor": monitor, "mode": mode}
