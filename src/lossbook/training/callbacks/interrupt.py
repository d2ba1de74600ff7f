"""Turn Ctrl-C, SIGTERM and SIGHUP into a request to stop when the run can be saved."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from types import FrameType

import lightning
import torch
from lightning.pytorch.utilities.exceptions import SIGTERMException

from lossbook.exits import STOPPING, Stopped, stop
from lossbook.processes import is_first, leave_unwatched
from lossbook.training.lightning_internals import replace_sigterm_handling

_CTRL_C = b"\nCtrl-C: the run is saved after this step, then it stops (once more: it stops at once).\n"
_SAYS = b"\n%s: the run is saved after this step, then it stops.\n"


class InterruptRequest:
    """Records Ctrl-C, SIGTERM and SIGHUP until the run can stop; a second Ctrl-C stops it at once.

    Of several processes one may receive the signal, or each at another step: they agree at the start of the next batch,
    so that all see the request in the same step. (Lightning runs a collective operation in the signal's handler, where
    processes wait for each other for ever, since each is somewhere else when the signal comes.)
    """

    def __init__(self) -> None:
        self._received = 0  # the signal that this process received
        self._requested = 0  # the one that all processes know of
        self._several = False
        self._holds = False

    @property
    def requested(self) -> bool:
        """Whether the run should be saved and stopped; the same in every process."""
        return self._requested != 0

    def attach(self, trainer: lightning.Trainer) -> None:
        """Replace Lightning's handling of SIGTERM, which it sets up after the callbacks' ``setup``."""
        self._several = trainer.world_size > 1
        # beside it Lightning would call stop(), which ends the process at once
        replace_sigterm_handling(trainer, self._sigterm, ignored=stop, agree=lambda: self.agree(trainer))

    def hold(self) -> None:
        """Record signals from now on; Ctrl-C only in the main thread, where Python's own handler is installed."""
        self._received = self._requested = 0
        self._holds = True
        if threading.current_thread() is not threading.main_thread():
            return
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._ctrl_c)
        for number in STOPPING:
            if signal.getsignal(number) is stop:
                signal.signal(number, self._sigterm)

    def release(self) -> None:
        """Let signals act at once from now on; may be called without ``hold``."""
        self._holds = False
        if threading.current_thread() is not threading.main_thread():
            return
        if signal.getsignal(signal.SIGINT) == self._ctrl_c:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        for number in STOPPING:
            if signal.getsignal(number) == self._sigterm:
                signal.signal(number, stop)

    def agree(self, trainer: lightning.Trainer) -> None:
        """Share with all processes whether one received a signal; all must call this at the same time."""
        if self._several:
            received = torch.tensor(self._received, device=trainer.strategy.root_device)
            torch.distributed.all_reduce(received, torch.distributed.ReduceOp.MAX)
            self._requested = int(received)
            if self._requested and not self._received:
                self._say(self._requested)

    def stop_if_requested(self, trainer: lightning.Trainer) -> None:
        """Stop the run if that was requested.

        Raises:
            KeyboardInterrupt: after Ctrl-C.
            SIGTERMException: after SIGTERM.
            Stopped: after SIGHUP.
        """
        number, self._requested = self._requested, 0
        if number:
            leave_unwatched(trainer)
            if number == signal.SIGINT:
                raise KeyboardInterrupt
            raise SIGTERMException if number == signal.SIGTERM else Stopped(number)

    def _ctrl_c(self, number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # so that the second one stops at once
        self._note(number)

    def _sigterm(self, number: int, frame: FrameType | None) -> None:
        """Handle the first SIGTERM; a cluster may send several before it kills."""
        if self._received:
            return
        if not self._holds:
            self._received = number
            raise SIGTERMException if number == signal.SIGTERM else Stopped(number)
        self._note(number)

    def _note(self, number: int) -> None:
        self._received = number
        if not self._several:
            self._requested = number
        self._say(number)

    def _say(self, number: int) -> None:
        if is_first():
            said = _CTRL_C if number == signal.SIGINT else _SAYS % signal.Signals(number).name.encode()
            with suppress(OSError):  # after SIGHUP the terminal is gone
                os.write(2, said)  # print() raises when it is interrupted within itself
