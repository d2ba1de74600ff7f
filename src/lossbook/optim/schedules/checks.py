"""Check a schedule's config, alone and beside the trainer and the optimizer, without torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lossbook.errors import Problem, typed
from lossbook.ranges import is_number

HERE = "lossbook.optim.schedules."
TORCH_PLATEAU = "torch.optim.lr_scheduler.ReduceLROnPlateau"

_ALWAYS_STRETCHED = ("Cosine", "OneCycle")
_STRETCHED_UNLESS = {"Linear": "total_iters", "Polynomial": "total_iters"}
_SHARES = ("warmup", "step_size", "milestones", "T_0", "step_size_up", "step_size_down")


def problems(config: Mapping[str, Any]) -> list[Problem]:
    """Return everything that is wrong with ``config["scheduler"]``, also beside the trainer and the optimizer.

    Args:
        config: complete and resolved, as plain containers; each value lies within its range.
    """
    node = config["scheduler"]
    path = node.get("_target_")
    if path is None:
        return []
    if path == TORCH_PLATEAU:
        return [torch_plateau()]
    if not path.startswith(HERE):
        return []
    name = path.rpartition(".")[2]
    return [*_monitor(node), *_together(node, name), *_beside(config, node, name)]


def unknown_length(what: str) -> Problem:
    """Return the error for what is spread over a run whose end is unknown."""
    return Problem(
        f"{what} in a run of unknown length (trainer.max_epochs=-1 without trainer.max_steps).",
        "It is spread over the whole run, and needs its number of steps.",
        "trainer.max_epochs=N or trainer.max_steps=N; scheduler=none, exponential and plateau do not need it",
    )


def no_momentum(optimizer: str) -> Problem:
    """Return the error for cycling the momentum of an optimizer that has none."""
    return Problem(
        f"scheduler.cycle_momentum=true with {optimizer}.",
        "It changes momentum or betas[0], and this optimizer has neither.",
        "scheduler.cycle_momentum=false",
    )


def torch_plateau() -> Problem:
    """Return the error for torch's ReduceLROnPlateau."""
    return Problem(
        f"scheduler._target_={TORCH_PLATEAU}",
        "It is stepped after checkpoints are written, so a resumed run would differ.",
        "scheduler=plateau, which does the same before",
    )


def _monitor(node: Mapping[str, Any]) -> Iterator[Problem]:
    value = node.get("monitor", "primary")
    if not (value == "primary" or str(value).startswith("val/")):
        rule = "It must be the tag of a validation metric, or primary: the metric that checkpoints watch."
        fix = f"scheduler.monitor=val/{str(value).rpartition('/')[2]} or scheduler.monitor=primary"
        yield Problem(_shown("monitor", value), rule, fix)


def _together(node: Mapping[str, Any], name: str) -> Iterator[Problem]:
    """Check values that depend on each other."""
    low, top = node.get("base_momentum"), node.get("max_momentum")
    if low is not None and top is not None and low > top:
        given = f"scheduler.base_momentum={low} with scheduler.max_momentum={top}."
        rule = "Momentum falls from max_momentum to base_momentum."
        yield Problem(given, rule, f"scheduler.base_momentum={top}")
    if node.get("three_phase") and node.get("pct_start", 0) > 0.5:
        given = f"scheduler.pct_start={node['pct_start']} with scheduler.three_phase=true."
        rule = "Increase and decrease are equally long, so each takes at most half of the time."
        yield Problem(given, rule, "scheduler.pct_start=0.3")
    if name == "Cyclic" and node.get("gamma", 1) != 1 and node.get("mode") != "exp_range":
        given = f"scheduler.gamma={node['gamma']} with scheduler.mode={node.get('mode')}."
        yield Problem(given, "Only exp_range uses gamma.", "scheduler.mode=exp_range or scheduler.gamma=1")


def _beside(config: Mapping[str, Any], node: Mapping[str, Any], name: str) -> Iterator[Problem]:
    """Check a schedule against the rest of the config."""
    trainer, optim = config["trainer"], config["optim"]
    steps = trainer.get("max_steps")
    if steps in (None, -1) and _endless(trainer):
        choice = config.get("choices", {}).get("scheduler") or name
        stretched = name in _ALWAYS_STRETCHED or node.get(_STRETCHED_UNLESS.get(name, "_target_")) is None
        shares = [f"scheduler.{key}={typed(node[key])}" for key in _SHARES if _is_share(node.get(key))]
        if stretched or shares:
            yield unknown_length(f"scheduler={choice}" if stretched else " and ".join(shares))
    elif steps not in (None, -1) and 1 <= steps <= node.get("warmup", 0):
        rule = f"The run has at most {steps} steps (trainer.max_steps), and the warmup must be shorter."
        yield Problem(_shown("warmup", node["warmup"]), rule, "scheduler.warmup=0.05, a share of the run")
    if node.get("cycle_momentum"):
        path = str(optim.get("_target_"))
        parts = [optim, *(part for part in optim.values() if isinstance(part, Mapping))]
        if path.startswith(("torch.", "lossbook.")) and not any({"momentum", "betas"} & part.keys() for part in parts):
            yield no_momentum(path)
        for rule in (config.get("param_groups") or {}).get("rules") or ():
            if "momentum" in rule:
                yield Problem(
                    f"param_groups.rules sets momentum={rule['momentum']} beside scheduler.cycle_momentum=true.",
                    "The schedule sets the momentum of every group.",
                    "scheduler.cycle_momentum=false, or remove momentum from the rule",
                )
    if name == "Plateau" and trainer.get("limit_val_batches") == 0:
        given = "scheduler=plateau with trainer.limit_val_batches=0."
        yield Problem(given, "It follows a validation metric, and there are none.", "scheduler=cosine")


def _endless(trainer: Mapping[str, Any]) -> bool:
    epochs = trainer.get("max_epochs")
    return epochs == -1 or (epochs is None and trainer.get("max_time") is not None)


def _is_share(value: Any) -> bool:
    values: Sequence[Any] = value if isinstance(value, (list, tuple)) else [value]
    return any(is_number(one) and 0 < one < 1 for one in values)


def _shown(key: str, value: Any) -> str:
    return f"scheduler.{key}={typed(value)}"
