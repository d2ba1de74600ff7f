"""Ctrl-C is held back once, and only where Python's own handler would have met it."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from lossbook.callbacks.interrupt import InterruptRequest


def test_the_first_is_held_back_and_the_second_is_not() -> None:
    request = InterruptRequest()
    request.install()
    os.kill(os.getpid(), signal.SIGINT)
    assert request.asked
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def test_removed_it_leaves_ctrl_c_as_it_was() -> None:
    request = InterruptRequest()
    request.install()
    request.remove()
    request.remove()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_it_keeps_away_from_other_handlers_and_other_threads() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    InterruptRequest().install()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    signal.signal(signal.SIGINT, signal.default_int_handler)
    thread = threading.Thread(target=InterruptRequest().install)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
