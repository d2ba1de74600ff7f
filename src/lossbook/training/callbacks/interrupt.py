"""Ctrl-C, SIGTERM and SIGHUP as a request that is met at the next moment at which a run can be saved."""

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
    """Holds Ctrl-C, SIGTERM and SIGHUP back until somebody asks for them; a second Ctrl-C is not held back.

    Of several processes one may be told, or each at another step: they agree at the start of the next batch, so that
    all of them see the request within the same step. (Lightning's own way, a collective operation in the handler of the
    signal, has them wait for each other for ever: each is somewhere else when it is told.)
    """

    def __init__(self) -> None:
        self._told = 0  # the signal that this process was sent
        self._asked = 0  # the one that all processes know of
        self._several = False
        self._holds = False

    @property
    def asked(self) -> bool:
        """Whether the run is to be saved and stopped; the same in every process."""
        return self._asked != 0

    def attach(self, trainer: lightning.Trainer) -> None:
        """Take the place of Lightning's own handling of SIGTERM, which it sets up after the callbacks' ``setup``."""
        self._several = trainer.world_size > 1
        # Lightning would call stop() as well, which does not wait
        replace_sigterm_handling(trainer, self._sigterm, ignored=stop, agree=lambda: self.agree(trainer))

    def hold(self) -> None:
        """From now on signals wait; Ctrl-C where Python's own handler has it: in the main thread, nobody else's."""
        self._told = self._asked = 0
        self._holds = True
        if threading.current_thread() is not threading.main_thread():
            return
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._ctrl_c)
        for number in STOPPING:
            if signal.getsignal(number) is stop:
                signal.signal(number, self._sigterm)

    def release(self) -> None:
        """From now on signals act at once; harmless where none was held."""
        self._holds = False
        if threading.current_thread() is not threading.main_thread():
            return
        if signal.getsignal(signal.SIGINT) == self._ctrl_c:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        for number in STOPPING:
            if signal.getsignal(number) == self._sigterm:
                signal.signal(number, stop)

    def agree(self, trainer: lightning.Trainer) -> None:
        """Learn from the other processes whether one of them was told; all must call it at the same moment."""
        if self._several:
            told = torch.tensor(self._told, device=trainer.strategy.root_device)
            torch.distributed.all_reduce(told, torch.distributed.ReduceOp.MAX)
            self._asked = int(told)
            if self._asked and not self._told:
                self._say(self._asked)

    def meet(self, trainer: lightning.Trainer) -> None:
        """Stop, if that was asked for.

        Raises:
            KeyboardInterrupt: after Ctrl-C.
            SIGTERMException: after SIGTERM.
            Stopped: after SIGHUP.
        """
        asked, self._asked = self._asked, 0
        if asked:
            leave_unwatched(trainer)
            if asked == signal.SIGINT:
                raise KeyboardInterrupt
            raise SIGTERMException if asked == signal.SIGTERM else Stopped(asked)

    def _ctrl_c(self, number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # so that the second one stops at once
        self._note(number)

    def _sigterm(self, number: int, frame: FrameType | None) -> None:
        """A second one changes nothing: a cluster may send several, and kills in the end."""
        if self._told:
            return
        if not self._holds:
            self._told = number
            raise SIGTERMException if number == signal.SIGTERM else Stopped(number)
        self._note(number)

    def _note(self, number: int) -> None:
        self._told = number
        if not self._several:
            self._asked = number
        self._say(number)

    def _say(self, number: int) -> None:
        if is_first():
            said = _CTRL_C if number == signal.SIGINT else _SAYS % signal.Signals(number).name.encode()
            with suppress(OSError):  # after SIGHUP the terminal has gone
                os.write(2, said)  # print() may be interrupted within itself, and then raises
