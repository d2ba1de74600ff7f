"""What a run takes over from its checkpoint's optimizer, and what it says of that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lossbook.checkpoints.read import ENTRY, read
from lossbook.errors import refuse
from lossbook.optim.capabilities import capability
from lossbook.optim.resume import Loading, changes

# what the number of steps in an epoch follows from
_EPOCHS = ("data.source._target_", "data.batch_size", "data.limit", "trainer.accumulate_grad_batches",
           "trainer.devices", "trainer.num_nodes", "trainer.limit_train_batches")  # fmt: skip


def loading_of(config: Mapping[str, Any]) -> Loading:
    """How the state of the checkpoint's optimizer is loaded under this config.

    Raises:
        UserError: its learning rate is asked for, and it is another optimizer's.
    """
    if config.get("ckpt") is None:
        return Loading()
    before = read(config["ckpt"])[ENTRY]["config"]
    kept, given = _classes(before["optim"]), _classes(config["optim"])
    if kept != given and config["ckpt_lr"] == "checkpoint":
        raise refuse(
            f"ckpt_lr=checkpoint, and the checkpoint holds the learning rate of {kept} for {given}.",
            "A learning rate means something for one optimizer alone.",
            "ckpt_lr=config, and optim.lr=...",
        )
    return Loading(
        lr=config["ckpt_lr"],
        fresh=kept != given,
        flat=not capability(config["optim"]["_target_"]).groups,
        constant=config["scheduler"].get("_target_") is None and before["scheduler"].get("_target_") is not None,
    )


def told(config: Mapping[str, Any], groups: Sequence[Mapping[str, Any]], loading: Loading) -> list[str]:
    """What changed between the checkpoint's parameter groups and these, a line each; none where nothing did."""
    if config.get("ckpt") is None:
        return []
    checkpoint = read(config["ckpt"])
    before = checkpoint[ENTRY]["config"]
    lines = _epochs(before, config, groups)
    if loading.fresh:
        return [f"the optimizer starts afresh: the checkpoint holds the state of {_classes(before['optim'])}", *lines]
    nodes = {"main": config["optim"], "rest": config["optim"].get("rest") or {}}
    whole = [{**nodes[group["part"]], **group} for group in groups]
    saved = [group for state in checkpoint["optimizer_states"] for group in state["param_groups"]]
    return [*(changes(saved, whole, loading.lr) if saved else ()), *lines]


def _classes(node: Mapping[str, Any]) -> str:
    """The optimizer's class, and that of the one for the rest of the parameters where there is one."""
    return " and ".join(part["_target_"] for part in (node, node.get("rest")) if part)


def _epochs(before: Mapping[str, Any], now: Mapping[str, Any], groups: Sequence[Mapping[str, Any]]) -> list[str]:
    """What takes a share of the new number of steps, where that of an epoch may have changed, and counts all steps.

    Schedules look after themselves.
    """
    pairs = {key: (_value(before, key), _value(now, key)) for key in _EPOCHS}
    keys = [key for key, (old, new) in pairs.items() if old != new and "${" not in str(old)]
    shares = ["callbacks.swa.start"] if (now.get("callbacks") or {}).get("swa") else []
    shares += ["until_share"] if any(group.get("frozen_until", [""])[0] == "share" for group in groups) else []
    shares += ["optim.t0=null"] if now["optim"].get("t0", 0) is None else []
    if not (keys and shares):
        return []
    return [f"{', '.join(keys)} changed: {', '.join(shares)} is held against all steps so far, not against epochs"]


def _value(config: Any, key: str) -> Any:
    for name in key.split("."):
        config = (config or {}).get(name)
    return config
