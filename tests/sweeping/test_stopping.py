"""SIGTERM counts as Ctrl-C while a sweep runs, and only then."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from lossbook.sweeping.stopping import sigterm_as_ctrl_c


def test_sigterm_is_raised_as_ctrl_c_and_afterwards_is_what_it_was() -> None:
    before = signal.getsignal(signal.SIGTERM)

    @sigterm_as_ctrl_c()
    def sweep() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()

    with pytest.raises(KeyboardInterrupt):
        sweep()
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_thread_leaves_signals_alone() -> None:
    seen: list[object] = []

    def work() -> None:
        with sigterm_as_ctrl_c():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGTERM)]
