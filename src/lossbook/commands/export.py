"""Write a trained network to a file that runs without Lossbook: ``lossbook export ckpt=PATH format=onnx``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lossbook.config.command import Request, command

KEYS: dict[str, Any] = {"format": "onnx", "output": None, "overwrite": False}


def main(arguments: Sequence[str]) -> int:
    """Export the checkpoint that the arguments name; return the exit code."""
    return command("export", _job, keys=KEYS, arguments=arguments)


def _job(request: Request) -> dict[str, Any]:
    from lossbook.export.export import export

    keys = request.keys
    output = None if keys["output"] is None else Path(keys["output"])
    return export(request.config, keys["format"], output, keys["overwrite"], request.options)
