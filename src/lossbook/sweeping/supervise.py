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
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from lossbook.sweeping.ledger import METRICS, Ending, lock, record_failure, standing

_CODE = "import sys; from lossbook.sweeping.work import main; main(int(sys.argv.pop(1)))"
# The worker starts the processes of a job itself, and they meet at a port of their own; by these Lightning would take
# others to have done so, or all workers would meet at one.
_NOT_INHERITED = ("SLURM_NTASKS", "MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "RANK", "LOCAL_RANK", "WORLD_SIZE")
GRACE_S = 60.0  # for a run that is asked to stop to save itself
PATIENCE_S = 10.0  # for the system to take a lock from the dead
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
        self._answers: IO[bytes] | None = None

    def start(self) -> None:
        """Start the process, unless it runs: importing torch takes seconds that other work may fill."""
        if self._process is not None and self._process.poll() is None:
            return
        self.close()
        answers, theirs = os.pipe()
        environment = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
        if self.threads is not None:
            environment["OMP_NUM_THREADS"] = str(self.threads)  # joblib has set a number of its own
        if self.slot is not None:
            environment["LOSSBOOK_SLOT"] = str(self.slot)
        self._process = subprocess.Popen(
            [sys.executable, "-u", "-c", _CODE, str(theirs)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,  # each job's own output.txt, once it has begun
            pass_fds=[theirs],
            env=environment,
            start_new_session=True,  # Ctrl-C reaches it through us, and a kill takes its own processes along
        )
        os.close(theirs)
        self._answers = os.fdopen(answers, "rb", buffering=0)

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

        Args:
            folder: of the job; what an earlier process left there is gone on with.
            name: folder of the event files within it, so that TensorBoard shows what varied; empty: none.
            overrides: the job's arguments.
            folders: of options beside ``conf``.
            timeout: seconds after which the job is killed; None: never.
            retry: whether a job that failed before is run again.
            pruning: arguments of ``lossbook.searching.pruning.Pruning``; None: no pruning.
        """
        self.start()
        process, answers = self._process, self._answers
        assert process is not None
        assert process.stdin is not None
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
        before = _written(folder)
        with suppress(BrokenPipeError):  # it died meanwhile, which is found below
            process.stdin.write(json.dumps(job).encode() + b"\n")
            process.stdin.flush()
        began, limit = time.monotonic(), STARTING_S  # a new process imports torch first, which is not the job's time
        late = "The process that was to run it had not started after {:g} s."
        try:
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
                if process.poll() is not None:
                    return self._lost(folder, before, seconds, _death(process.returncode))
                if seconds > limit:
                    self.kill()
                    return self._lost(folder, before, seconds, late.format(limit))
        except KeyboardInterrupt:
            self._stop(process, answers)
            raise

    def close(self) -> None:
        """End the process, at once."""
        self.kill()
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
        if self._answers is not None:
            self._answers.close()
        self._process = self._answers = None

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

    def _lost(self, folder: Path, before: int | None, seconds: float, message: str) -> Ending:
        """The ending of a job whose process is gone: what it wrote itself counts, but not what was there before."""
        try:
            with lock(folder).acquire(timeout=PATIENCE_S):
                if _written(folder) not in (None, before):
                    return standing(folder)
                return record_failure(folder, message, seconds, resumable=True)
        except TimeoutError:
            return Ending("elsewhere")

    def _stop(self, process: subprocess.Popen[bytes], answers: IO[bytes]) -> None:
        """Lets the job save itself, as Ctrl-C does for a run; a second Ctrl-C does not wait for it."""
        print("\nCtrl-C: the job is saved after this step, then it stops (once more: at once).", file=sys.stderr)
        self.interrupt()
        patience = time.monotonic() + GRACE_S
        with suppress(KeyboardInterrupt):
            while time.monotonic() < patience and process.poll() is None:
                answer = self._answer(answers, 0.2)
                if answer is not None and "ending" in answer:
                    break
        self.close()

    def interrupt(self) -> None:
        """Ask the job to save itself and stop, as Ctrl-C does; ``run`` then returns. For another thread to call."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """End the process at once, with all that it has started; ``run`` then returns."""
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def _written(folder: Path) -> int | None:
    """When the job's figures were written."""
    with suppress(OSError):
        return (folder / METRICS).stat().st_mtime_ns
    return None


def _death(code: int) -> str:
    """Why a process is gone, from what the operating system says of it."""
    if code == -signal.SIGKILL:
        return "The job's process was killed (SIGKILL): the machine ran out of memory, or somebody ended it."
    if code < 0:
        return f"The job's process was ended by {signal.Signals(-code).name}."
    return f"The job's process ended by itself, with exit code {code}."
