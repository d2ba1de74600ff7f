"""Which of a run's processes this is, as far as launchers tell before the processes meet; known without torch."""

from __future__ import annotations

import os

# what torchrun, Lightning, Slurm and LSF number their processes by; Lightning looks at the same ones in this order
_RANKS = ("RANK", "LOCAL_RANK", "SLURM_PROCID", "JSM_NAMESPACE_RANK")


def is_first() -> bool:
    """Whether this process writes and prints for all; a process alone is the first."""
    return int(next((os.environ[name] for name in _RANKS if name in os.environ), "0")) == 0
