"""A process that ends with the one that started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

PARENT = """
import subprocess, sys, time
child = "import time; from lossbook.orphans import end_with_parent; end_with_parent(); print('on', flush=True)"
child += "; time.sleep(60)"
process = subprocess.Popen([sys.executable, "-c", child], stdout=subprocess.PIPE)
process.stdout.readline()
print(process.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has ended")
def test_it_is_killed_when_its_parent_is() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    os.kill(child, 0)  # it is there
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    late = time.monotonic() + 20
    while _lives(child):
        assert time.monotonic() < late
        time.sleep(0.01)


def _lives(process: int) -> bool:
    """Whether it runs; one that has ended and that nobody asked about yet is a zombie."""
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has ended")
def test_a_parent_that_had_ended_before_counts_as_well() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    code = "from lossbook.orphans import end_with_parent; end_with_parent(); print('it lives')"
    environment = {**os.environ, "LOSSBOOK_STARTED_BY": str(gone.pid)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, b"")
    environment["LOSSBOOK_STARTED_BY"] = str(os.getpid())
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
    assert done.stdout == b"it lives\n"
