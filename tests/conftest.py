"""No test leaves anything to the next: Lightning sets variables of the environment, scripts add to sys.path."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# the same examples in every run, however slow the machine
settings.register_profile("lossbook", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("lossbook")


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    environment, path = os.environ.copy(), list(sys.path)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores Ctrl-C for what runs in the background
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # and nohup this one; what a test starts inherits that
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    os.environ.update(environment)
    sys.path[:] = path
