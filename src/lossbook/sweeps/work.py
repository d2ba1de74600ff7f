"""The process that trains: takes one job after the other, and leaves nothing of one to the next."""

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
from lossbook.orphans import end_with_parent
from lossbook.processes import started_again_as
from lossbook.sweeps.ledger import METRICS, OUTPUT, Ending, due, lock, record_failure, standing


def main(given: int, answers: int) -> None:
    """Take jobs, a line of JSON each, until there are no more.

    Args:
        given: the file descriptor that they are read from.
        answers: the one that is written to: ``{"begun": true}``, then ``{"ending": ...}`` for each job.
    """
    jobs: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    _die_with_the_parent(given, jobs)
    _first_to_be_killed()
    sys.path.append(str(Path.cwd()))  # what the user has written, as in a run by itself
    from lossbook.training import assemble, fit  # noqa: F401  (with torch, before the first job's clock runs)

    gc.collect()
    gc.freeze()  # what is imported stays anyway, and need not be looked through after every job
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may ignore it for what runs in the background
    while True:
        try:
            job = json.loads(jobs.get())
            _send(answers, {"begun": True})
            ending, worn = perform(**job)
        except KeyboardInterrupt:  # between two jobs
            return
        _send(answers, {"ending": vars(ending), "worn": worn})


def perform(
    folder: str,
    name: str,
    overrides: list[str],
    folders: list[str],
    script: str,
    retry: bool,
    pruning: Mapping[str, Any] | None,
) -> tuple[Ending, bool]:
    """Train one job in this process; the arguments are those of ``Worker.run``.

    Returns:
        How it ended, and whether this process had better not run another: a job that failed may have left anything
        behind, and one of several processes has met others.
    """
    place = Path(folder).absolute()  # wherever the job goes
    taken = lock(place)
    try:
        taken.acquire(timeout=1)  # another process may only have looked whether anybody has it
    except TimeoutError:
        return Ending("in another process"), False
    try:
        before = standing(place)
        if not due(before, retry):
            return before, False
        return _run(place, name, overrides, folders, script, pruning, before)
    finally:
        taken.release()
        gc.collect()


def _run(
    folder: Path,
    name: str,
    overrides: list[str],
    folders: list[str],
    script: str,
    pruning: Mapping[str, Any] | None,
    before: Ending,
) -> tuple[Ending, bool]:
    from lightning.pytorch.utilities.exceptions import SIGTERMException

    from lossbook.config.compose import composed
    from lossbook.config.options import conf_folder
    from lossbook.config.resume import resume
    from lossbook.config.sweep_keys import alone
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
    with _output(folder / OUTPUT), started_again_as(arguments, script):
        print(f"$ {shlex.join(['python', script, *arguments])}", flush=True)
        several = False
        try:
            config = resume(str(last), own[1:], where) if goes_on else composed(own, where, _reader(*where))
            several = config.trainer.devices != 1 or config.trainer.num_nodes != 1
            callbacks = [] if pruning is None else [_pruning(pruning)]
            train(config, folder, name=name or None, callbacks=callbacks)
        except UserError as error:
            print(described(error), file=sys.stderr, flush=True)
            return _failed(folder, described(error)), several
        except Pruned:
            return standing(folder), several
        except (KeyboardInterrupt, SIGTERMException):
            ending = standing(folder)
            return Ending("interrupted") if due(ending, retry=False) else ending, True
        except (Exception, SystemExit) as error:
            traceback.print_exc()
            return _failed(folder, described(error)), True
    return standing(folder), several


@lru_cache(maxsize=1)
def _reader(*folders: Path) -> Any:
    """For all jobs of a sweep: what their options say is read once."""
    from lossbook.config.hydra_internals import reader

    return reader(folders)


def _vouched(overrides: list[str], folders: list[Path]) -> list[str]:
    """The user's word for what the job's own arguments name, and its checkpoint therefore does as well."""
    from lossbook.config.compose import composed
    from lossbook.config.resolve import plain
    from lossbook.trust import Trust

    names: list[str] = []
    with suppress(UserError):  # options have changed since: the checkpoint's config alone counts
        names = Trust().unknown(plain(composed(overrides, folders, _reader(*folders))))
    return [f"+trust=[{','.join(names)}]"] if names else []


def _is_sound(checkpoint: Path) -> bool:
    """Whether it is there and can be read; a job whose checkpoint cannot starts afresh."""
    from lossbook.checkpoints.read import read

    try:
        read(checkpoint)
    except UserError:
        return False
    return True


def _failed(folder: Path, message: str) -> Ending:
    """What the run has written itself, or a record of the error where it came before there was a run."""
    ending = standing(folder)
    if ending.status in ("failed", "completed"):
        return ending
    try:
        return record_failure(folder, message, 0.0, resumable=False)
    except UserError:  # no room on the disk
        return Ending("failed", message)


def _pruning(arguments: Mapping[str, Any]) -> Any:
    from lossbook.search.pruning import Pruning

    return Pruning(**arguments)


def _clear(folder: Path) -> None:
    """Removes what an earlier attempt has left that cannot be gone on with; at any moment what is left tells that."""
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
    """Everything that is printed goes into this file, what other processes and libraries of C print as well."""
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


def _die_with_the_parent(given: int, jobs: queue.SimpleQueue[bytes]) -> None:
    """A sweep that is killed takes the job that runs along: nobody is left who would write into its folder.

    The end of what is given tells so, wherever Python runs; the signal, where the job never lets Python run.
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


def _first_to_be_killed() -> None:
    """Where memory runs out, Linux ends this process rather than the one that looks after the sweep."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")
