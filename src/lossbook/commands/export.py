"""Write a trained network to a file that runs without Lossbook: ``lossbook export ckpt=RUN format=onnx``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lossbook.commands.on_checkpoint import command_on_checkpoint
from lossbook.config.command import Request
from lossbook.config.paths import meant

KEYS: dict[str, Any] = {"format": "onnx", "output": None, "overwrite": False}


def main(arguments: Sequence[str]) -> int:
    """Export the checkpoint that the arguments name; return the exit code."""
    return command_on_checkpoint("export", _job, KEYS, arguments)


def _job(request: Request) -> dict[str, Any]:
    from lossbook.export.export import export

    keys = request.keys
    output = None if keys["output"] is None else Path(meant(keys["output"]))
    return export(request.config, keys["format"], output, keys["overwrite"], request.options)
