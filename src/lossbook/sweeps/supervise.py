"""A process that trains job after job, watched from outside: whatever happens to a job ends that job alone."""

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

from lossbook.orphans import STARTED_BY
from lossbook.processes import LAUNCHED
from lossbook.sweeps.ledger import METRICS, Ending, due, lock, record_failure, standing, written

# The first place where modules are found is the script's folder, as where the script itself runs.
# Until it takes jobs, Ctrl-C ends the process without a word.
_CODE = """
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
_, sys.path[0], *ends = sys.argv
from lossbook.sweeps.work import main
main(*map(int, ends))
"""
PATIENCE_S = 10.0  # for the system to take a lock from the dead
_MOMENT_S = 1.0
STARTING_S = 600.0  # for a process to import torch, from a slow disk


class Worker:
    """Trains jobs in a process of its own, which stays from job to job and is replaced when it died.

    Args:
        script: which Lightning starts again for a job of several processes.
        threads: of torch; None: the environment's or torch's own choice.
        slot: the worker's number among those that run beside each other; with several GPUs the n-th takes the n-th.
    """

    def __init__(self, script: str, threads: int | None = None, slot: int | None = None) -> None:
        self.script = script
        self.threads = threads
        self.slot = slot
        self._process: subprocess.Popen[bytes] | None = None
        self._jobs: IO[bytes] | None = None
        self._answers: IO[bytes] | None = None
        self._told_to_stop = False

    def start(self) -> None:
        """Start the process, unless it runs: importing torch takes seconds that other work may fill."""
        if self._process is not None and self._process.poll() is None:
            return
        self.close()
        # it starts the processes of a job itself, whatever other launchers have set
        environment = {name: value for name, value in os.environ.items() if name not in LAUNCHED}
        environment[STARTED_BY] = str(os.getpid())
        if self.threads is not None:
            environment["OMP_NUM_THREADS"] = str(self.threads)  # several share the processors
        if self.slot is not None:
            environment["LOSSBOOK_SLOT"] = str(self.slot)
        with ExitStack() as theirs:
            _open_standard_streams()
            (take, jobs), (answers, tell) = os.pipe(), os.pipe()
            self._jobs, self._answers = os.fdopen(jobs, "wb", buffering=0), os.fdopen(answers, "rb", buffering=0)
            for end in (take, tell):
                theirs.callback(os.close, end)
            self._process = subprocess.Popen(
                [sys.executable, "-u", "-c", _CODE, str(Path(self.script).absolute().parent), str(take), str(tell)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # each job's own output.txt, once it has begun
                pass_fds=[take, tell],
                env=environment,
                start_new_session=True,  # Ctrl-C reaches it through us, and a kill takes its own processes along
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
    ) -> Ending:
        """Run one job to its end, whatever that is; what came out is in the folder's metrics.json.

        A job that is stopped from another thread is ``interrupted``, whether or not it could save itself.

        Args:
            folder: of the job; what an earlier process left there is gone on with.
            name: folder of the event files within it, so that TensorBoard shows what varied; empty: none.
            overrides: the job's arguments.
            folders: of options beside ``conf``.
            timeout: seconds after which the job is killed; None: never.
            retry: whether a job that failed before is run again.
            pruning: arguments of ``lossbook.search.pruning.Pruning``; None: no pruning.
        """
        self.start()
        if self._told_to_stop:  # while there was no process that could be told
            return Ending("interrupted")
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
        before = written(folder / METRICS)
        with suppress(BrokenPipeError):  # it died meanwhile, which is found below
            jobs.write(json.dumps(job).encode() + b"\n")
        began, limit = time.monotonic(), STARTING_S  # a new process imports torch first, which is not the job's time
        late = "The process that was to run it had not started after {:g} s."
        while True:
            if answer := self._answer(answers, 0.2):
                if "ending" not in answer:
                    began, limit = time.monotonic(), timeout or math.inf
                    late = "No end after {:g} s, the timeout."
                    continue
                if answer["worn"]:
                    self.close()
                return Ending(**answer["ending"])
            seconds = time.monotonic() - began
            code = process.poll()
            if code is None and seconds <= limit:
                continue
            if code in (-signal.SIGTERM, -signal.SIGINT):  # clusters tell all processes at once, and us a moment later
                time.sleep(_MOMENT_S)
            self._end()  # whatever it has started, too
            if self._told_to_stop:
                return Ending("interrupted")
            return self._lost(folder, before, retry, seconds, late.format(limit) if code is None else _death(code))

    def close(self) -> None:
        """End the process, at once."""
        self._end()
        for pipe in (self._jobs, self._answers):
            if pipe is not None:
                pipe.close()
        self._process = self._jobs = self._answers = None

    def _answer(self, answers: IO[bytes], seconds: float) -> dict[str, Any] | None:
        """The next line that the process sends, None where none comes within so many seconds."""
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

    def _lost(self, folder: Path, before: int | None, retry: bool, seconds: float, message: str) -> Ending:
        """The ending of a job whose process is gone: what it wrote itself counts, but not a failure of before."""
        try:
            with lock(folder).acquire(timeout=PATIENCE_S):
                ending = standing(folder)
                if written(folder / METRICS) not in (None, before) or not due(ending, retry):
                    return ending
                return record_failure(folder, message, seconds, resumable=True)
        except TimeoutError:
            return Ending("in another process")

    def interrupt(self) -> None:
        """Ask the job to save itself and stop, as Ctrl-C does; ``run`` then returns. For another thread to call."""
        self._told_to_stop = True
        if (process := self._process) is not None:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """End the process at once; ``run`` then returns. For another thread to call."""
        self._told_to_stop = True
        self._end()

    def _end(self) -> None:
        if (process := self._process) is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _open_standard_streams() -> None:
    """Nothing else gets the number of one that is closed, and with it the end of a pipe that goes to a child."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _death(code: int) -> str:
    """Why a process is gone, from what the operating system says of it."""
    if code == -signal.SIGKILL:
        return "The job's process was killed (SIGKILL): the machine ran out of memory, or somebody ended it."
    if code < 0:
        return f"The job's process was ended by {signal.Signals(-code).name}."
    return f"The job's process ended by itself, with exit code {code}."
