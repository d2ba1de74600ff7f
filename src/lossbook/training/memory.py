"""The most memory that a process and its GPU held during a run."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import torch

_PROCESS = Path("/proc/self")


class PeakMemory:
    """Measures from its creation on.

    Linux forgets a process's earlier peak when asked to. Elsewhere, and where that is refused, the figure is the peak
    of the process's whole life, the runs before this one included. Of a run over several processes each knows its own.
    """

    def __init__(self) -> None:
        self._device: torch.device | None = None
        try:
            (_PROCESS / "clear_refs").write_text("5")  # proc(5): resets the "high water mark"
            self._reset = True
        except OSError:
            self._reset = False

    def watch(self, device: torch.device) -> None:
        """Counts what is allocated on this device from here on, if it is a GPU of CUDA's."""
        if device.type == "cuda":
            self._device = device
            torch.cuda.reset_peak_memory_stats(device)

    def figures(self) -> dict[str, float]:
        """``memory_mb``, resident, where the system tells; ``gpu_memory_mb``, allocated by torch; in 10^6 bytes."""
        found = {}
        resident = (_high_water() if self._reset else None) or _of_the_whole_life()
        if resident is not None:
            found["memory_mb"] = round(resident / 1e6, 1)
        if self._device is not None:
            found["gpu_memory_mb"] = round(torch.cuda.max_memory_allocated(self._device) / 1e6, 1)
        return found


def _high_water() -> int | None:
    """``VmHWM`` in bytes."""
    with suppress(OSError):
        for line in (_PROCESS / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return None


def _of_the_whole_life() -> int | None:
    """``ru_maxrss`` in bytes, which macOS counts and others in units of 1024; None on Windows, which has no such."""
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
