"""Commands on a trained checkpoint, which may be named by the folder of its run."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lossbook.checkpoints.file import checkpoint_in
from lossbook.config.command import Job, command
from lossbook.config.paths import split_ckpt
from lossbook.errors import UserError
from lossbook.invocation import as_typed


def command_on_checkpoint(name: str, job: Job, keys: Mapping[str, Any], arguments: Sequence[str]) -> int:
    """Run ``command``; ``ckpt=FOLDER`` is the best checkpoint of that run. Return the exit code."""
    try:
        ckpt, others = split_ckpt(arguments)
        named = [] if ckpt is None else [f"ckpt={checkpoint_in(Path(ckpt))}"]
    except UserError as error:
        print(as_typed(str(error)), file=sys.stderr)
        return 1
    return command(name, job, keys=keys, arguments=[*others, *named])
