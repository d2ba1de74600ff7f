"""The worker process: trains one job after another, and leaves nothing of one to the next."""

from __future__ import annotations

import gc
import json
import os
import queue
import shlex
import shutil
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from lossbook.errors import Pruned, UserError
from lossbook.invocation import as_typed, words
from lossbook.orphans import end_with_parent
from lossbook.processes import started_again_as
from lossbook.records.progress import remove_progress, write_progress
from lossbook.records.run import METRICS, OUTPUT
from lossbook.sweeps.job_state import JobState, is_due, record_failure, state_of
from lossbook.sweeps.locks import lock


def main(given: int, answers: int) -> None:
    """Run jobs, each given as a line of JSON, until there are no more.

    Args:
        given: file descriptor to read them from.
        answers: file descriptor to write to: ``{"begun": true}``, then ``{"state": ...}`` for each job.
    """
    jobs: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    _end_with_sweep(given, jobs)
    _prefer_to_be_killed()
    sys.path.append(str(Path.cwd()))  # the user's own code, as in a single run
    from lossbook.training import assemble, fit  # noqa: F401  (with torch, before the first job's clock runs)

    gc.collect()
    gc.freeze()  # imported modules stay anyway, and need not be scanned after every job
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may ignore it for background processes
    while True:
        try:
            job = json.loads(jobs.get())
            _send(answers, {"begun": True})
            state, worn = run_job(**job)
        except KeyboardInterrupt:  # between two jobs
            return
        _send(answers, {"state": vars(state), "worn": worn})


def run_job(
    folder: str,
    name: str,
    overrides: list[str],
    folders: list[str],
    script: str,
    retry: bool,
    pruning: Mapping[str, Any] | None,
) -> tuple[JobState, bool]:
    """Train one job in this process; the arguments are those of ``Worker.run``.

    Returns:
        The state in which it ended, and whether this process must be replaced: a job that failed may have left
        anything behind, and one of several processes has joined a process group.
    """
    place = Path(folder).absolute()  # even if the job changes the working folder
    taken = lock(place)
    try:
        taken.acquire(timeout=1)  # another process may just be checking whether it runs
    except TimeoutError:
        return JobState("in another process"), False
    try:
        before = state_of(place)
        if not is_due(before, retry):
            return before, False
        return _run(place, name, overrides, folders, script, pruning, before)
    finally:
        remove_progress(place)
        taken.release()
        gc.collect()


def _run(
    folder: Path,
    name: str,
    overrides: list[str],
    folders: list[str],
    script: str,
    pruning: Mapping[str, Any] | None,
    before: JobState,
) -> tuple[JobState, bool]:
    from lightning.pytorch.utilities.exceptions import SIGTERMException

    from lossbook.config.composed import composed
    from lossbook.config.options import conf_folder
    from lossbook.config.resume import resume
    from lossbook.config.sweep_keys import alone
    from lossbook.sweeps.heartbeat import Heartbeat
    from lossbook.training.folder import described
    from lossbook.training.train import train

    last = folder / "checkpoints" / "last.ckpt"
    goes_on = _is_sound(last) and (before.status != "failed" or before.resumable)
    if not goes_on:
        _clear(folder)
    (folder / METRICS).unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    where = [conf_folder(), *map(Path, folders)]
    own = [f"ckpt={last}", *_vouched(overrides, where)] if goes_on else overrides
    arguments = [*(f"--config-dir={one}" for one in folders[:1]), *alone(own)]
    write_progress(folder, 0, None)
    with _output(folder / OUTPUT), started_again_as(arguments, script):
        print(f"$ {shlex.join([*words(script), *arguments])}", flush=True)
        several = False
        try:
            config = resume(str(last), own[1:], where) if goes_on else composed(own, where, _reader(*where))
            several = config.trainer.devices != 1 or config.trainer.num_nodes != 1
            callbacks = [Heartbeat(folder), *([] if pruning is None else [_pruning(pruning)])]
            train(config, folder, name=name or None, callbacks=callbacks)
        except UserError as error:
            print(as_typed(described(error)), file=sys.stderr, flush=True)
            return _failed(folder, described(error)), several
        except Pruned:
            return state_of(folder), several
        except (KeyboardInterrupt, SIGTERMException):
            state = state_of(folder)
            return JobState("interrupted") if is_due(state, retry=False) else state, True
        except (Exception, SystemExit) as error:
            traceback.print_exc()
            return _failed(folder, described(error)), True
    return state_of(folder), several


@lru_cache(maxsize=1)
def _reader(*folders: Path) -> Any:
    """Return what reads options, shared by all jobs of a sweep so that each option is read once."""
    from lossbook.config.hydra_internals import reader

    return reader(folders)


def _vouched(overrides: list[str], folders: list[Path]) -> list[str]:
    """Return ``+trust=[...]`` with the names in the job's own arguments, which its checkpoint holds as well."""
    from lossbook.config.composed import composed
    from lossbook.config.resolve import plain
    from lossbook.trust import Trust

    names: list[str] = []
    with suppress(UserError):  # options changed since: only the checkpoint's config counts
        names = Trust().unknown(plain(composed(overrides, folders, _reader(*folders))))
    return [f"+trust=[{','.join(names)}]"] if names else []


def _is_sound(checkpoint: Path) -> bool:
    """Return whether a checkpoint exists and can be read; if not, its job starts over."""
    from lossbook.checkpoints.read import read

    try:
        read(checkpoint)
    except UserError:
        return False
    return True


def _failed(folder: Path, message: str) -> JobState:
    """Return what the run recorded itself, or record the error if it came before there was a run."""
    state = state_of(folder)
    if state.status in ("failed", "completed"):
        return state
    try:
        return record_failure(folder, message, 0.0, resumable=False)
    except UserError:  # the disk is full
        return JobState("failed", message)


def _pruning(arguments: Mapping[str, Any]) -> Any:
    from lossbook.search.pruning import Pruning

    return Pruning(**arguments)


def _clear(folder: Path) -> None:
    """Remove an earlier attempt, checkpoints first and metrics.json last, so that a kill in between does no harm."""
    if folder.is_dir():
        for path in sorted(folder.iterdir(), key=lambda path: (path.name == METRICS, path.name != "checkpoints")):
            if path.name == OUTPUT:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


@contextmanager
def _output(file: Path) -> Iterator[None]:
    """Redirect everything that is printed into this file, by other processes and C libraries as well."""
    kept = [os.dup(1), os.dup(2)]
    with file.open("ab") as opened:
        for number in (1, 2):
            os.dup2(opened.fileno(), number)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, descriptor in enumerate(kept, start=1):
            os.dup2(descriptor, number)
            os.close(descriptor)


def _send(answers: int, message: Mapping[str, Any]) -> None:
    with suppress(BrokenPipeError):
        os.write(answers, json.dumps(message).encode() + b"\n")


def _end_with_sweep(given: int, jobs: queue.SimpleQueue[bytes]) -> None:
    """End this process with the sweep's: nothing may write into the job's folder after that was killed.

    Noticed by the end of the pipe while Python runs, and by a signal while a job keeps Python from running.
    """
    end_with_parent()

    def read() -> None:
        rest = b""
        while more := os.read(given, 65536):
            *whole, rest = (rest + more).split(b"\n")
            for line in whole:
                jobs.put(line)
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=read, daemon=True, name="jobs").start()


def _prefer_to_be_killed() -> None:
    """Have Linux kill this process rather than the one that runs the sweep if memory runs out."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")
