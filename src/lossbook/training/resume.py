"""What a run takes over from its checkpoint (``ckpt``), and whether it goes on in the same folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossbook.checkpoints.read import ENTRY, read, read_to_resume
from lossbook.data.fitted import FittedData, known_data
from lossbook.data.fitted import changes as data_changes
from lossbook.errors import Problem, UserError, refuse
from lossbook.optim.capabilities import capability
from lossbook.optim.resume import Loading, changes
from lossbook.records.run import is_completed
from lossbook.training.callbacks.record import Attempt

if TYPE_CHECKING:
    from lossbook.training.assemble import Assembly

_ENDS = ("trainer", "callbacks")  # the nodes that say when training ends

# what the number of steps in an epoch follows from
_EPOCHS = ("data.source._target_", "data.batch_size", "data.limit", "trainer.accumulate_grad_batches",
           "trainer.devices", "trainer.num_nodes", "trainer.limit_train_batches")  # fmt: skip


@dataclass(frozen=True)
class Resume:
    """The checkpoint that a run goes on from, and what it takes over; the defaults are those of a new run.

    Args:
        path: of the checkpoint.
        checkpoint: its content.
        loading: how the optimizer's state is loaded.
        known: the data that the checkpoint was trained on, as far as it knows that.
        attempt: that wrote the checkpoint, where the run goes on in the same folder.
    """

    path: str | None = None
    checkpoint: Mapping[str, Any] = field(default_factory=dict)
    loading: Loading = field(default_factory=Loading)
    known: FittedData | None = None
    attempt: Attempt = field(default_factory=Attempt)

    @classmethod
    def of(cls, config: Mapping[str, Any], saved: Mapping[str, Any], folder: str | Path | None) -> Resume:
        """Read ``config["ckpt"]``, and check that training can go on from it under this config.

        Args:
            config: of the run.
            saved: the same, as checkpoints hold it.
            folder: of the run, where it is known.

        Raises:
            UserError: nothing is left to train, or the learning rate of another optimizer is asked for.
        """
        path = checkpoint_to_resume(config, folder)
        if path is None:
            return cls()
        checkpoint = read(path)
        attempt = previous_attempt(saved, checkpoint) if is_in_place(folder, path) else Attempt()
        return cls(path, checkpoint, optimizer_loading(config, checkpoint), known_data(checkpoint), attempt)

    def changes(self, config: Mapping[str, Any], assembly: Assembly) -> list[str]:
        """Return what differs from the checkpoint's run in data and parameter groups, a line each."""
        if self.path is None:
            return []
        groups = group_changes(config, self.checkpoint, assembly.groups, self.loading)
        return [*data_changes(self.known, assembly.fitted), *groups]


def is_in_place(folder: str | Path | None, ckpt: str | None) -> bool:
    """Return whether a checkpoint was written by the run in this folder, which then goes on there."""
    if folder is None or ckpt is None:
        return False
    return Path(ckpt).resolve().parent == (Path(folder) / "checkpoints").resolve()


def checkpoint_to_resume(config: Mapping[str, Any], folder: str | Path | None) -> str | None:
    """Return ``config["ckpt"]``, after checking that there is something left to train.

    A run that was killed after its last step and before its metrics were written goes on in its own folder to be
    tested. Where ``trainer.max_steps`` ended it within an epoch, its last checkpoint precedes the validation that
    followed, and ``best.ckpt`` is the newer one if that was the best.

    Raises:
        UserError: as many epochs or steps are done as ``config["trainer"]`` asks for.
    """
    ckpt: str | None = config.get("ckpt")
    found = nothing_left(config)
    if ckpt is None or not found:
        return ckpt
    if folder is None or not is_in_place(folder, ckpt) or is_completed(Path(folder)):
        raise UserError(*found)
    both = [path for path in (Path(ckpt), Path(ckpt).with_name("best.ckpt")) if path.is_file()]
    return str(max(both, key=_progress))


def previous_attempt(saved: Mapping[str, Any], checkpoint: Mapping[str, Any]) -> Attempt:
    """Return the attempt that wrote a checkpoint, to be continued in its folder.

    Where it was told to stop, and the options that decide this have changed, training goes on.

    Args:
        saved: the config that checkpoints hold from now on.
        checkpoint: its content.
    """
    before = checkpoint[ENTRY]["config"]
    same = all(before.get(group) == saved.get(group) for group in _ENDS)
    attempt = Attempt.of(checkpoint)
    return replace(attempt, stopped=attempt.stopped and same)


def nothing_left(config: Mapping[str, Any]) -> list[Problem]:
    """Return why there is nothing left to train after ``config["ckpt"]``; empty where there is something.

    As many epochs or steps may be done as ``config["trainer"]`` asks for, which Lightning accepts in silence.
    """
    if config.get("ckpt") is None:
        return []
    checkpoint = read_to_resume(config["ckpt"])
    # within an epoch, the number of that epoch; at its end the next one, while Lightning's own "epoch" lags behind
    epochs = checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"]
    found = []
    for key, done, what in (("max_epochs", epochs, "epochs"), ("max_steps", checkpoint["global_step"], "steps")):
        limit = config["trainer"].get(key)
        if limit is not None and 0 <= limit <= done:
            given = f"ckpt={config['ckpt']} with trainer.{key}={limit}."
            rule = f"{done} {what} are done already: nothing is left to train."
            fix = f"trainer.{key}=N with N above {done}; scripts/evaluate.py ckpt=... prints its metrics"
            found.append(Problem(given, rule, fix))
    return found


def optimizer_loading(config: Mapping[str, Any], checkpoint: Mapping[str, Any]) -> Loading:
    """Return how the state of a checkpoint's optimizer is loaded under this config.

    Raises:
        UserError: its learning rate is asked for, and it is another optimizer's.
    """
    before = checkpoint[ENTRY]["config"]
    kept, given = _classes(before["optim"]), _classes(config["optim"])
    if kept != given and config["ckpt_lr"] == "checkpoint":
        raise refuse(
            f"ckpt_lr=checkpoint, and the checkpoint holds the learning rate of {kept} for {given}.",
            "A learning rate is meaningful for one optimizer only.",
            "ckpt_lr=config, and optim.lr=...",
        )
    return Loading(
        lr=config["ckpt_lr"],
        fresh=kept != given,
        flat=not capability(config["optim"]["_target_"]).groups,
        constant=config["scheduler"].get("_target_") is None and before["scheduler"].get("_target_") is not None,
    )


def group_changes(
    config: Mapping[str, Any], checkpoint: Mapping[str, Any], groups: Sequence[Mapping[str, Any]], loading: Loading
) -> list[str]:
    """Return what changed between a checkpoint's parameter groups and these, a line each; empty where nothing did."""
    before = checkpoint[ENTRY]["config"]
    lines = _epoch_length(before, config, groups)
    if loading.fresh:
        return [f"the optimizer starts afresh: the checkpoint holds the state of {_classes(before['optim'])}", *lines]
    nodes = {"main": config["optim"], "rest": config["optim"].get("rest") or {}}
    whole = [{**nodes[group["part"]], **group} for group in groups]
    saved = [group for state in checkpoint["optimizer_states"] for group in state["param_groups"]]
    return [*(changes(saved, whole, loading.lr) if saved else ()), *lines]


def _progress(path: Path) -> tuple[int, float]:
    checkpoint = read(path)
    return checkpoint["global_step"], Attempt.of(checkpoint).seconds


def _classes(node: Mapping[str, Any]) -> str:
    """Return the optimizer's class, and that of the one for the rest of the parameters where there is one."""
    return " and ".join(part["_target_"] for part in (node, node.get("rest")) if part)


def _epoch_length(before: Mapping[str, Any], now: Mapping[str, Any], groups: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say what takes a share of the new number of steps and counts all steps, where epochs may have another length.

    Schedules account for that themselves.
    """
    pairs = {key: (_value(before, key), _value(now, key)) for key in _EPOCHS}
    keys = [key for key, (old, new) in pairs.items() if old != new and "${" not in str(old)]
    shares = ["callbacks.swa.start"] if (now.get("callbacks") or {}).get("swa") else []
    shares += ["until_share"] if any(group.get("frozen_until", [""])[0] == "share" for group in groups) else []
    shares += ["optim.t0=null"] if now["optim"].get("t0", 0) is None else []
    if not (keys and shares):
        return []
    return [f"{', '.join(keys)} changed: {', '.join(shares)} is compared with all steps so far, not with epochs"]


def _value(config: Any, key: str) -> Any:
    for name in key.split("."):
        config = (config or {}).get(name)
    return config
