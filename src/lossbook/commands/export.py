"""Write a trained network to a file that runs without Lossbook: ``lossbook export ckpt=RUN format=onnx``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lossbook.checkpoints.file import checkpoint_in
from lossbook.config.command import Request, command
from lossbook.config.paths import meant, split_ckpt
from lossbook.errors import UserError
from lossbook.invocation import as_typed

KEYS: dict[str, Any] = {"format": "onnx", "output": None, "overwrite": False}


def main(arguments: Sequence[str]) -> int:
    """Export the checkpoint that the arguments name; return the exit code."""
    try:
        ckpt, others = split_ckpt(arguments)
        named = [] if ckpt is None else [f"ckpt={checkpoint_in(Path(ckpt))}"]
    except UserError as error:
        print(as_typed(str(error)), file=sys.stderr)
        return 1
    return command("export", _job, keys=KEYS, arguments=[*others, *named])


def _job(request: Request) -> dict[str, Any]:
    from lossbook.export.export import export

    keys = request.keys
    output = None if keys["output"] is None else Path(meant(keys["output"]))
    return export(request.config, keys["format"], output, keys["overwrite"], request.options)
