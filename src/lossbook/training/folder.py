"""What a run leaves in its folder: its config, and a record of how it ended."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import lightning as L
from lightning.pytorch.utilities.exceptions import SIGTERMException

from lossbook.config.folders import CONFIG
from lossbook.data.fitted import FittedData
from lossbook.errors import Pruned, UserError
from lossbook.files import gone, now, remove_parts, write_whole
from lossbook.processes import is_first
from lossbook.training.fit import Outcome, latest_figures

FIGURES = "metrics.json"


class RunFolder:
    """Writes ``config.yaml`` and ``metrics.json``, on the first process alone.

    Args:
        folder: of the run.
        config: whole and resolved.
        primary: tag of the metric that the run watches, and its direction.
        fitted: what the run knows of its data.
        hints: what the names of metrics alone do not tell, by name.
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
        """Write the config, before training starts; what an earlier attempt in this folder came to no longer holds.

        Files that it was killed over are removed: nobody else writes into this folder.
        """
        from omegaconf import OmegaConf

        if not is_first():
            return
        text = OmegaConf.to_yaml(OmegaConf.create(dict(self.config)))
        write_whole(self.folder / CONFIG, lambda file: file.write(text.encode()))
        (self.folder / FIGURES).unlink(missing_ok=True)
        for name in (CONFIG, FIGURES, "checkpoints/best.ckpt", "checkpoints/last.ckpt"):
            remove_parts(self.folder / name)

    def finish(self, outcome: Outcome, seconds: float, memory: Mapping[str, float]) -> None:
        """Write the figures of a run that ended by itself; ``memory`` as ``PeakMemory.figures`` gives it."""
        self._write("completed", outcome, seconds, memory)

    def fail(
        self,
        error: BaseException,
        trainer: L.Trainer,
        seconds: float,
        memory: Mapping[str, float],
        resumable: bool = False,
    ) -> tuple[str, Outcome]:
        """Write how far a run came that was broken off, and by what; returns the status and that.

        ``resumable``: nothing of this process's own was wrong, so that its last checkpoint is sound.
        """
        outcome = Outcome.of(trainer)
        status = "interrupted" if isinstance(error, (KeyboardInterrupt, SIGTERMException)) else "failed"
        if isinstance(error, Pruned):
            status, outcome.figures = "pruned", outcome.figures or latest_figures(trainer)
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
        measured = {tag.partition("/")[2] for tag in outcome.figures}
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
            # JSON knows neither nan nor infinity
            "metrics": {tag: value if math.isfinite(value) else None for tag, value in outcome.figures.items()},
            **({"definitions": definitions} if definitions else {}),
        }
        text = json.dumps(record, indent=2, allow_nan=False)
        write_whole(self.folder / FIGURES, lambda file: file.write(text.encode()))


def described(error: BaseException) -> str:
    """A mistake of the user's in its own words, anything else with its kind; in letters that can be written down."""
    text = str(error)
    if isinstance(error, (KeyboardInterrupt, SIGTERMException)):
        text = "Stopped by Ctrl-C or a signal."
    elif not (isinstance(error, (UserError, Pruned)) and text):
        text = f"{type(error).__name__}: {error}" if text else type(error).__name__
    return text.encode(errors="replace").decode()


def is_completed(folder: Path) -> bool:
    """Whether the run in a folder has ended by itself, and its figures are written down."""
    try:
        record = json.loads((folder / FIGURES).read_text())
    except (OSError, ValueError):
        return False
    return bool(record.get("status") == "completed")
