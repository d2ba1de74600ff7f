"""Memory that tensors on the CPU have freed stays with the process, for the next ones."""

from __future__ import annotations

import contextlib
import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # numbers of mallopt(3)


def keep_freed_memory() -> None:
    """Have glibc keep what is freed; it does nothing with other C libraries.

    By default glibc returns every block above 32 MB to the system when it is freed. A batch of 64 images of 224 x 224
    is larger, and getting its pages anew, and cleared, takes as long as filling them.
    """
    if not sys.platform.startswith("linux"):
        return
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_THRESHOLD, 2**30)
        mallopt(_TRIM_THRESHOLD, 2**30)
