"""Measure the peak memory of a process and its GPU during a run."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import torch

_PROCESS = Path("/proc/self")


class PeakMemory:
    """Measures from its creation on, in this process only.

    Linux can reset a process's earlier peak. Elsewhere, and where that is refused, the value is the peak since the
    process started, earlier runs included.
    """

    def __init__(self) -> None:
        self._device: torch.device | None = None
        try:
            (_PROCESS / "clear_refs").write_text("5")  # proc(5): resets the "high water mark"
            self._reset = True
        except OSError:
            self._reset = False

    def watch(self, device: torch.device) -> None:
        """Measure what is allocated on a device from now on, if it is a CUDA GPU."""
        if device.type == "cuda":
            self._device = device
            torch.cuda.reset_peak_memory_stats(device)

    def metrics(self) -> dict[str, float]:
        """Return ``memory_mb``, resident, where known, and ``gpu_memory_mb``, allocated by torch; in 10^6 bytes."""
        found = {}
        resident = (_high_water() if self._reset else None) or _since_start()
        if resident is not None:
            found["memory_mb"] = round(resident / 1e6, 1)
        if self._device is not None:
            found["gpu_memory_mb"] = round(torch.cuda.max_memory_allocated(self._device) / 1e6, 1)
        return found


def _high_water() -> int | None:
    """Return ``VmHWM`` in bytes; None where the system has none."""
    with suppress(OSError):
        for line in (_PROCESS / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return None


def _since_start() -> int | None:
    """Return ``ru_maxrss`` in bytes: macOS counts bytes, others units of 1024. None on Windows."""
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
