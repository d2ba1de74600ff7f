"""The record of a run in its folder: its config, and how it ended."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import lightning as L
from lightning.pytorch.utilities.exceptions import SIGTERMException

from lossbook.data.fitted import FittedData
from lossbook.errors import Pruned, UserError
from lossbook.files import gone, now, remove_parts
from lossbook.processes import is_first
from lossbook.records.run import clear_record, write_config, write_metrics
from lossbook.training.fit import Outcome, latest_metrics


class RunFolder:
    """Writes ``config.yaml`` and ``metrics.json``, on the first process only.

    Args:
        folder: of the run.
        config: complete and resolved.
        primary: tag of the watched metric, and its direction.
        fitted: preparation and fingerprint of the data.
        hints: definitions of metrics whose names do not say enough, by name.
    """

    def __init__(
        self,
        folder: Path,
        config: Mapping[str, Any],
        primary: tuple[str, str],
        fitted: FittedData,
        hints: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.folder = folder
        self.config = config
        self.primary = primary
        self.hints = hints
        self.data = {
            "name": config["choices"]["data"],
            "fingerprint": fitted.fingerprint,
            "samples": dict(fitted.samples),
        }

    def start(self) -> None:
        """Write the config before training starts, and remove the metrics of an earlier attempt in this folder.

        Partial files of an attempt that was killed while writing go, too: no other process writes into this folder.
        """
        if not is_first():
            return
        write_config(self.folder, self.config)
        clear_record(self.folder)
        for name in ("best.ckpt", "last.ckpt"):
            remove_parts(self.folder / "checkpoints" / name)

    def finish(self, outcome: Outcome, seconds: float, memory: Mapping[str, float]) -> None:
        """Write the metrics of a run that ended by itself; ``memory`` as ``PeakMemory.metrics`` returns it."""
        self._write("completed", outcome, seconds, memory)

    def fail(
        self,
        error: BaseException,
        trainer: L.Trainer,
        seconds: float,
        memory: Mapping[str, float],
        resumable: bool = False,
    ) -> tuple[str, Outcome]:
        """Write how far a run came that was cut short, and why; return its status and outcome.

        ``resumable``: the failure came from outside this process, so that its last checkpoint is sound.
        """
        outcome = Outcome.of(trainer)
        status = "interrupted" if isinstance(error, (KeyboardInterrupt, SIGTERMException)) else "failed"
        if isinstance(error, Pruned):
            status, outcome.metrics = "pruned", outcome.metrics or latest_metrics(trainer)
        try:
            self._write(status, outcome, seconds, memory, message=described(error), resumable=resumable)
        except UserError as unwritten:
            print(unwritten.problems[0].given, file=sys.stderr)
        return status, outcome

    def _write(
        self,
        status: str,
        outcome: Outcome,
        seconds: float,
        memory: Mapping[str, float],
        message: str = "",
        resumable: bool = False,
    ) -> None:
        if not is_first():
            return
        if not self.folder.is_dir():
            raise gone(self.folder)
        measured = {tag.partition("/")[2] for tag in outcome.metrics}
        definitions = {name: hint for name, hint in self.hints.items() if name in measured}
        record = {
            "status": status,
            **({"message": message} if message else {}),
            **({"resumable": True} if resumable else {}),
            **({"notes": outcome.notes} if outcome.notes else {}),
            "primary": self.primary[0],
            "mode": self.primary[1],
            "data": self.data,
            "best_epoch": outcome.best_epoch,
            **({"best_by": "val/loss"} if outcome.best_by_loss else {}),
            "epochs": outcome.epochs,
            "steps": outcome.steps,
            "wall_time_s": round(seconds, 3),
            "ended": now(),
            **memory,
            "metrics": outcome.metrics,
            **({"definitions": definitions} if definitions else {}),
        }
        write_metrics(self.folder, record)


def described(error: BaseException) -> str:
    """Return the message of an error, with its type unless it is meant for users; without unencodable characters."""
    text = str(error)
    if isinstance(error, (KeyboardInterrupt, SIGTERMException)):
        text = "Stopped by Ctrl-C or a signal."
    elif not (isinstance(error, (UserError, Pruned)) and text):
        text = f"{type(error).__name__}: {error}" if text else type(error).__name__
    return text.encode(errors="replace").decode()
