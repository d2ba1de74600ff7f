"""End a process together with the one that started it."""

from __future__ import annotations

import ctypes
import os
import signal
from contextlib import suppress

STARTED_BY = "LOSSBOOK_STARTED_BY"
"""The environment variable with the number of the process that started this one."""

_PR_SET_PDEATHSIG = 1  # Linux


def end_with_parent() -> None:
    """Have the operating system kill this process when the one that started it ends, for whatever reason.

    More precisely, when the *thread* that started it ends. Only Linux can do this; elsewhere nothing happens. If the
    environment names that process and it has ended already, this one is killed at once.
    """
    before = int(os.environ.get(STARTED_BY) or os.getppid())
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != before:  # it has ended meanwhile
        os.kill(os.getpid(), signal.SIGKILL)
