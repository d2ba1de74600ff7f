"""What a run takes over from its checkpoint's optimizer, and what it says of that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lossbook.checkpoint import ENTRY, read
from lossbook.optim.capabilities import capability
from lossbook.optim.resume import Loading, changes


def loading_of(config: Mapping[str, Any]) -> Loading:
    """How the state of the checkpoint's optimizer is loaded under this config."""
    if config.get("ckpt") is None:
        return Loading()
    before = read(config["ckpt"])[ENTRY]["config"]
    target = config["optim"]["_target_"]
    return Loading(
        lr=config["ckpt_lr"],
        fresh=before["optim"]["_target_"] != target,
        flat=not capability(target).groups,
        constant=config["scheduler"].get("_target_") is None and before["scheduler"].get("_target_") is not None,
    )


def told(config: Mapping[str, Any], groups: Sequence[Mapping[str, Any]], loading: Loading) -> list[str]:
    """What changed between the checkpoint's parameter groups and these, a line each; none where nothing did."""
    if config.get("ckpt") is None:
        return []
    checkpoint = read(config["ckpt"])
    if loading.fresh:
        before = checkpoint[ENTRY]["config"]["optim"]["_target_"]
        return [f"the optimizer starts afresh: the checkpoint holds the state of {before}"]
    states = checkpoint["optimizer_states"]
    return changes(states[0]["param_groups"], groups, loading.lr) if states else []
