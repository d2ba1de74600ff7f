"""Ctrl-C as a request that is met at the next moment at which a run can be saved."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType


class InterruptRequest:
    """Holds Ctrl-C back until somebody asks for it; a second one is not held back."""

    def __init__(self) -> None:
        self.asked = False
        self._installed = False

    def install(self) -> None:
        """Takes over SIGINT where Python's own handler has it: in the main thread, and nobody else wants it."""
        self.asked = False
        if threading.current_thread() is not threading.main_thread():
            return
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._handle)
            self._installed = True

    def remove(self) -> None:
        """Gives SIGINT back to Python; harmless where it was never taken."""
        if self._installed:
            self._installed = False
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.remove()  # so that the second Ctrl-C stops at once
        self.asked = True
        # print() may be interrupted within itself, and then raises
        os.write(2, b"\nCtrl-C: the run is saved after this step, then it stops (once more: it stops at once).\n")
