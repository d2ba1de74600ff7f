"""A process that trains one job after another, monitored from outside: a crash ends only the job at hand."""

from __future__ import annotations

import json
import math
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any

from lossbook.invocation import module_folder
from lossbook.orphans import STARTED_BY
from lossbook.processes import LAUNCHED
from lossbook.records.progress import remove_progress
from lossbook.records.run import METRICS, modified
from lossbook.sweeps.job_state import JobState, is_due, record_failure, state_of
from lossbook.sweeps.locks import lock

# Modules are first looked up in the script's folder, as if the script itself ran.
# Until the process takes jobs, Ctrl-C ends it silently.
_CODE = """
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
_, sys.path[0], *ends = sys.argv
from lossbook.sweeps.worker_process import main
main(*map(int, ends))
"""
PATIENCE_S = 10.0  # for the system to free the lock of a dead process
_MOMENT_S = 1.0
STARTING_S = 600.0  # for a process to import torch, from a slow disk


class Worker:
    """Trains jobs in a process of its own, which is reused from job to job and replaced if it dies.

    Args:
        script: which Lightning starts again for a job of several processes.
        threads: of torch; None: the environment's or torch's default.
        slot: the worker's number among those that run in parallel; with several GPUs the n-th worker uses the n-th.
    """

    def __init__(self, script: str, threads: int | None = None, slot: int | None = None) -> None:
        self.script = script
        self.threads = threads
        self.slot = slot
        self._process: subprocess.Popen[bytes] | None = None
        self._jobs: IO[bytes] | None = None
        self._answers: IO[bytes] | None = None
        self._stop_requested = False

    def start(self) -> None:
        """Start the process unless it is running: it imports torch for seconds, during which other work can go on."""
        if self._process is not None and self._process.poll() is None:
            return
        self.close()
        # it starts the processes of a job itself, whatever other launchers set
        environment = {name: value for name, value in os.environ.items() if name not in LAUNCHED}
        environment[STARTED_BY] = str(os.getpid())
        if self.threads is not None:
            environment["OMP_NUM_THREADS"] = str(self.threads)  # several workers share the processors
        if self.slot is not None:
            environment["LOSSBOOK_SLOT"] = str(self.slot)
        with ExitStack() as theirs:
            _open_standard_streams()
            (take, jobs), (answers, tell) = os.pipe(), os.pipe()
            self._jobs, self._answers = os.fdopen(jobs, "wb", buffering=0), os.fdopen(answers, "rb", buffering=0)
            for end in (take, tell):
                theirs.callback(os.close, end)
            self._process = subprocess.Popen(
                [sys.executable, "-u", "-c", _CODE, module_folder(self.script), str(take), str(tell)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # each job prints into its own output.txt
                pass_fds=[take, tell],
                env=environment,
                start_new_session=True,  # Ctrl-C reaches it only through us; a kill ends its whole group
            )

    def run(
        self,
        folder: Path,
        name: str,
        overrides: Sequence[str],
        folders: Sequence[str] = (),
        timeout: float | None = None,
        retry: bool = False,
        pruning: Mapping[str, Any] | None = None,
    ) -> JobState:
        """Run one job to its end and return its state; its metrics are in the folder's metrics.json.

        A job that is stopped from another thread is ``interrupted``, whether or not it could save itself.

        Args:
            folder: of the job; an earlier attempt in it is resumed.
            name: subfolder of the event files, so that TensorBoard shows what varied; empty: none.
            overrides: the job's arguments.
            folders: of options beside ``conf``.
            timeout: seconds after which the job is killed; None: never.
            retry: whether a job that failed before is run again.
            pruning: arguments of ``lossbook.search.pruning.Pruning``; None: no pruning.
        """
        self.start()
        if self._stop_requested:  # before there was a process to interrupt
            return JobState("interrupted")
        process, jobs, answers = self._process, self._jobs, self._answers
        assert process is not None
        assert jobs is not None
        assert answers is not None
        job = {
            "folder": str(folder),
            "name": name,
            "overrides": list(overrides),
            "folders": list(folders),
            "script": self.script,
            "retry": retry,
            "pruning": pruning,
        }
        before = modified(folder / METRICS)
        with suppress(BrokenPipeError):  # it died meanwhile, which is noticed below
            jobs.write(json.dumps(job).encode() + b"\n")
        began, limit = time.monotonic(), STARTING_S  # a new process imports torch first, which does not count
        late = "The worker process had not started after {:g} s."
        while True:
            if answer := self._answer(answers, 0.2):
                if "state" not in answer:
                    began, limit = time.monotonic(), timeout or math.inf
                    late = "Not finished after {:g} s, the timeout."
                    continue
                if answer["worn"]:
                    self.close()
                return JobState(**answer["state"])
            seconds = time.monotonic() - began
            code = process.poll()
            if code is None and seconds <= limit:
                continue
            if code in (-signal.SIGTERM, -signal.SIGINT):  # clusters signal all processes, and us a moment later
                time.sleep(_MOMENT_S)
            self._end()  # with all processes that it started
            if self._stop_requested:
                remove_progress(folder)
                return JobState("interrupted")
            return self._lost(folder, before, retry, seconds, late.format(limit) if code is None else _death(code))

    def close(self) -> None:
        """Kill the process and close its pipes."""
        self._end()
        for pipe in (self._jobs, self._answers):
            if pipe is not None:
                pipe.close()
        self._process = self._jobs = self._answers = None

    def _answer(self, answers: IO[bytes], seconds: float) -> dict[str, Any] | None:
        """Return the next message of the process; None if none comes within so many seconds."""
        if not select.select([answers], [], [], seconds)[0]:
            return None
        line = b""
        while not line.endswith(b"\n"):
            more = answers.read(65536)
            if not more:  # it has ended
                time.sleep(0.05)
                return None
            line += more
        *_, last = line.splitlines()  # a short job's two lines may come as one
        answer: dict[str, Any] = json.loads(last)
        return answer

    def _lost(self, folder: Path, before: int | None, retry: bool, seconds: float, message: str) -> JobState:
        """Return the state of a job whose process is gone: what it recorded counts, an earlier failure does not."""
        try:
            with lock(folder).acquire(timeout=PATIENCE_S):
                remove_progress(folder)
                state = state_of(folder)
                if modified(folder / METRICS) not in (None, before) or not is_due(state, retry):
                    return state
                return record_failure(folder, message, seconds, resumable=True)
        except TimeoutError:
            return JobState("in another process")

    def interrupt(self) -> None:
        """Ask the job to save itself and stop, as Ctrl-C does; ``run`` then returns. Call it from another thread."""
        self._stop_requested = True
        if (process := self._process) is not None:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """Kill the process; ``run`` then returns. Call it from another thread."""
        self._stop_requested = True
        self._end()

    def _end(self) -> None:
        if (process := self._process) is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _open_standard_streams() -> None:
    """Open closed standard streams, so that no pipe end gets one of their numbers and leaks into a child."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _death(code: int) -> str:
    """Return why a process is gone, from its exit code."""
    if code == -signal.SIGKILL:
        return "The job's process was killed (SIGKILL): the machine ran out of memory, or somebody killed it."
    if code < 0:
        return f"The job's process was ended by {signal.Signals(-code).name}."
    return f"The job's process ended with exit code {code}."
