"""What a run leaves in its folder: its config, and a record of how it ended."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import lightning as L

from lossbook.checkpoint import write_whole
from lossbook.errors import UserError
from lossbook.ranks import is_first
from lossbook.run.fit import Outcome


class RunFolder:
    """Writes ``config.yaml`` and ``metrics.json``, on the first process alone.

    Args:
        folder: of the run.
        config: whole and resolved.
        primary: tag of the metric that the run watches, and its direction.
    """

    def __init__(self, folder: Path, config: Mapping[str, Any], primary: tuple[str, str]) -> None:
        self.folder = folder
        self.config = config
        self.primary = primary

    def start(self) -> None:
        """Write the config, before training starts."""
        from omegaconf import OmegaConf

        if not is_first():
            return
        text = OmegaConf.to_yaml(OmegaConf.create(dict(self.config)))
        write_whole(self.folder / "config.yaml", lambda file: file.write(text.encode()))

    def finish(self, outcome: Outcome, seconds: float) -> None:
        """Write the figures of a run that ended by itself."""
        self._write("completed", outcome, seconds)

    def fail(self, error: BaseException, trainer: L.Trainer, seconds: float) -> Path | None:
        """Write how far a run came that was broken off, and by what; the checkpoint to go on from, if there is one."""
        outcome = Outcome.of(trainer)
        status = "interrupted" if isinstance(error, (KeyboardInterrupt, SystemExit)) else "failed"
        with suppress(UserError):  # the disk may be full, which is what the error itself says
            self._write(status, outcome, seconds, message=str(error) or type(error).__name__)
        return outcome.last_path or outcome.best_path

    def _write(self, status: str, outcome: Outcome, seconds: float, message: str = "") -> None:
        if not is_first():
            return
        record = {
            "status": status,
            **({"message": message} if message else {}),
            "primary": self.primary[0],
            "mode": self.primary[1],
            "best_epoch": outcome.best_epoch,
            "epochs": outcome.epochs,
            "steps": outcome.steps,
            "wall_time_s": round(seconds, 3),
            # JSON knows neither nan nor infinity
            "metrics": {tag: value if math.isfinite(value) else None for tag, value in outcome.figures.items()},
        }
        text = json.dumps(record, indent=2, allow_nan=False)
        write_whole(self.folder / "metrics.json", lambda file: file.write(text.encode()))
