"""Going on from a checkpoint: in the run's own folder where it lies there, and not at all where nothing is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lossbook.checkpoints.read import ENTRY, read, read_to_go_on
from lossbook.errors import Problem, UserError
from lossbook.records.run import is_completed
from lossbook.training.callbacks.record import Attempt

_ENDS = ("trainer", "callbacks")  # the nodes that say when training ends


def goes_on_in(folder: str | Path | None, ckpt: str | None) -> bool:
    """Whether a checkpoint is one of the run's in this folder, so that the run goes on in place."""
    if folder is None or ckpt is None:
        return False
    return Path(ckpt).resolve().parent == (Path(folder) / "checkpoints").resolve()


def checkpoint_to_go_on_from(config: Mapping[str, Any], folder: str | Path | None) -> str | None:
    """``config["ckpt"]``, of which there must be something left to train.

    A run that was killed after its last step and before its figures were written goes on in its own folder to be
    tested. Where ``trainer.max_steps`` ended it within an epoch, its last checkpoint precedes the validation that
    followed, and ``best.ckpt`` is the newer one if that was the best.

    Raises:
        UserError: as many epochs or steps are done as ``config["trainer"]`` asks for.
    """
    ckpt: str | None = config.get("ckpt")
    found = nothing_left(config)
    if ckpt is None or not found:
        return ckpt
    if folder is None or not goes_on_in(folder, ckpt) or is_completed(Path(folder)):
        raise UserError(*found)
    both = [path for path in (Path(ckpt), Path(ckpt).with_name("best.ckpt")) if path.is_file()]
    return str(max(both, key=_age))


def earlier_attempt(saved: Mapping[str, Any], ckpt: str) -> Attempt:
    """The attempt that wrote a checkpoint, to be continued in its folder with the config that is ``saved`` from now on.

    Where it was told to stop, and what tells it so has changed since, training goes on.
    """
    checkpoint = read(ckpt)
    before = checkpoint[ENTRY]["config"]
    same = all(before.get(group) == saved.get(group) for group in _ENDS)
    attempt = Attempt.of(checkpoint)
    return replace(attempt, stopped=attempt.stopped and same)


def nothing_left(config: Mapping[str, Any]) -> list[Problem]:
    """Why there is nothing to train from ``config["ckpt"]`` on, which Lightning takes in silence; empty where there is.

    As many epochs or steps may be done as ``config["trainer"]`` asks for.
    """
    if config.get("ckpt") is None:
        return []
    checkpoint = read_to_go_on(config["ckpt"])
    # within an epoch, the number of that epoch; at its end the next one, while Lightning's own "epoch" lags behind
    epochs = checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"]
    found = []
    for key, done, what in (("max_epochs", epochs, "epochs"), ("max_steps", checkpoint["global_step"], "steps")):
        limit = config["trainer"].get(key)
        if limit is not None and 0 <= limit <= done:
            given = f"ckpt={config['ckpt']} with trainer.{key}={limit}."
            rule = f"{done} {what} are done already: there is nothing to go on with."
            fix = f"trainer.{key}=N with N above {done}; scripts/evaluate.py ckpt=... gives its figures"
            found.append(Problem(given, rule, fix))
    return found


def _age(path: Path) -> tuple[int, float]:
    checkpoint = read(path)
    return checkpoint["global_step"], Attempt.of(checkpoint).seconds
