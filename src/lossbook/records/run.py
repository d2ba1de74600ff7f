"""The files that describe a run: ``config.yaml`` with its config, ``metrics.json`` with what came of it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lossbook.files import now, remove_parts, write_whole

CONFIG = "config.yaml"
METRICS = "metrics.json"
OUTPUT = "output.txt"  # what a job of a sweep or a search printed


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Write the resolved config as YAML."""
    from omegaconf import OmegaConf

    text = OmegaConf.to_yaml(OmegaConf.create(dict(config)))
    write_whole(folder / CONFIG, lambda file: file.write(text.encode()))


def read_config(folder: Path) -> dict[str, Any]:
    """Return the config; empty if it is missing or unreadable."""
    import yaml

    try:
        content = yaml.load((folder / CONFIG).read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return content if isinstance(content, dict) else {}


def write_metrics(folder: Path, record: Mapping[str, Any]) -> None:
    """Write ``metrics.json``; metrics that are not finite become null, since JSON has no such numbers."""
    metrics = {tag: value if math.isfinite(value) else None for tag, value in record["metrics"].items()}
    text = json.dumps({**record, "metrics": metrics}, indent=2, allow_nan=False)
    write_whole(folder / METRICS, lambda file: file.write(text.encode()))


def write_failure(folder: Path, message: str, seconds: float, resumable: bool) -> None:
    """Write ``metrics.json`` for a run that ended without writing its own.

    Args:
        folder: of the run.
        message: why it failed.
        seconds: how long it ran.
        resumable: whether its last checkpoint can be trusted, because the failure came from outside.
    """
    record = {
        "status": "failed",
        "message": message,
        "resumable": resumable,
        "primary": None,
        "wall_time_s": round(seconds, 3),
        "ended": now(),
        "metrics": {},
    }
    write_metrics(folder, record)


def read_metrics(folder: Path) -> dict[str, Any] | None:
    """Return the content of ``metrics.json``; None if it is missing or unreadable."""
    try:
        record = json.loads((folder / METRICS).read_bytes())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def is_completed(folder: Path) -> bool:
    """Return whether the run in this folder ended by itself and its metrics are on disk."""
    return (read_metrics(folder) or {}).get("status") == "completed"


def holds_run(folder: Path) -> bool:
    """Return whether a run wrote into this folder."""
    return (folder / METRICS).exists() or (folder / CONFIG).exists()


def clear_record(folder: Path) -> None:
    """Remove the metrics of an earlier attempt and the partial files of one that was killed while writing."""
    (folder / METRICS).unlink(missing_ok=True)
    for name in (CONFIG, METRICS):
        remove_parts(folder / name)


def modified(path: Path) -> int | None:
    """Return when a file was last written, in ns; None if it is missing."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None
