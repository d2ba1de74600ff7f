"""A process that ends with the one that started it."""

from __future__ import annotations

import ctypes
import os
import signal
from contextlib import suppress

STARTED_BY = "LOSSBOOK_STARTED_BY"
"""The environment variable with the number of the process that started this one."""

_PR_SET_PDEATHSIG = 1  # Linux


def end_with_parent() -> None:
    """Has the operating system kill this process when the one that started it ends, however that happens.

    More exactly, when the *thread* that started it ends. Only Linux knows this; elsewhere nothing happens. Where the
    environment says which process that is, one that has ended already counts as well.
    """
    before = int(os.environ.get(STARTED_BY) or os.getppid())
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != before:  # it ended meanwhile
        os.kill(os.getpid(), signal.SIGKILL)
