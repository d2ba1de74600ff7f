"""Folders of runs and sweeps: claimed so that no two processes share one, and removed if nothing was written."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

from lossbook.errors import UserError, refuse
from lossbook.records.run import CONFIG

OUTPUTS = Path("outputs")
_SWEEP_CONFIG = "multirun.yaml"  # Hydra writes it before the jobs of a sweep are checked
_PATIENCE_S = 2.0  # until the system releases the lock of a process that was just killed
_descriptors: set[int] = set()  # of the folders that this process has locked


def claim(base: Path) -> Path:
    """Create the folder ``base``, or ``base-2``, ``base-3``, ... if it exists.

    The mkdir is exclusive, so that no two callers, in whatever process, get the same folder.
    """
    for folder in _names(base):
        try:
            folder.mkdir(parents=True)
        except FileExistsError as error:
            if folder.exists():
                continue
            raise _unmade(folder, error) from error  # a parent is a file
        except OSError as error:
            raise _unmade(folder, error) from error
        return folder
    raise AssertionError("count never ends")


def _unmade(folder: Path, error: OSError) -> UserError:
    rule = "Every run and every sweep needs a folder of its own."
    given = f"{folder} cannot be created: {error.strerror or error}."
    return refuse(given, rule, "hydra.run.dir=PATH (of a sweep, hydra.sweep.dir=PATH) with write permission")


@contextmanager
def claimed(base: Path) -> Iterator[Path]:
    """Create and lock the folder ``base`` for a new run within the block.

    If it holds a run already or another process has locked it, ``base-2``, ``base-3``, ... is used. Other files in it
    do not matter.
    """
    for folder in _names(base):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unmade(folder, error) from error
        with _kept(folder) as alone:
            if alone and not (folder / CONFIG).exists():
                yield folder
                return


@contextmanager
def going_on(folder: Path) -> Iterator[Path]:
    """Lock the folder of a run that is resumed in place, within the block.

    Raises:
        UserError: another process has locked it.
    """
    until = time.monotonic() + _PATIENCE_S
    while True:
        with _kept(folder) as alone:
            if alone:
                yield folder
                return
        if time.monotonic() > until:
            rule = "Another process is training in this folder, and two would overwrite each other's checkpoints."
            raise refuse(str(folder), rule, "wait for it, or resume in another folder: leave hydra.run.dir out")
        time.sleep(0.05)


@contextmanager
def _kept(folder: Path) -> Iterator[bool]:
    """Lock a folder within the block, and yield whether this process got the lock.

    The folder itself is locked, so that no file is left behind and the system releases the lock of a process that is
    killed. If the system or the file system has no such locks, every process gets it.
    """
    if os.name == "nt":
        yield True
        return
    import fcntl

    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:  # just removed
        yield False
        return
    _descriptors.add(descriptor)
    try:
        alone = True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            alone = os.path.samestat(os.fstat(descriptor), os.stat(folder))
        except (BlockingIOError, FileNotFoundError):
            alone = False
        except OSError:
            pass
        yield alone
    finally:
        _descriptors.discard(descriptor)
        os.close(descriptor)


def _forget() -> None:
    """Close the locks in a forked process, where they would outlive the process that holds them."""
    while _descriptors:
        os.close(_descriptors.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def _names(base: Path) -> Iterator[Path]:
    """Yield ``base``, ``base-2``, ``base-3``, ..."""
    yield base
    yield from (base.with_name(f"{base.name}-{number}") for number in count(2))


def run_base(choices: Mapping[str, Any], outputs: Path = OUTPUTS) -> Path:
    """Return ``outputs/<loss>-<optim>/<date>_<time>`` for a run that starts now; ``choices`` as in a config."""
    name = f"{choices.get('loss')}-{choices.get('optim')}".replace("/", "_")
    return outputs / name / _now()


def sweep_base(outputs: Path = OUTPUTS) -> Path:
    """Return ``outputs/sweeps/<date>_<time>`` for a sweep that starts now."""
    return outputs / "sweeps" / _now()


def evaluation_base(outputs: Path = OUTPUTS) -> Path:
    """Return ``outputs/evaluations/<date>_<time>`` for an evaluation that starts now."""
    return outputs / "evaluations" / _now()


def _now() -> str:
    return datetime.now().strftime("%Y-%m-%d_%H-%M-%S")


def missing(folder: Path) -> list[Path]:
    """Return what ``mkdir -p`` would create: the folder and its parents, as far as they do not exist."""
    folder = folder.absolute()
    return [path for path in (folder, *folder.parents) if not path.exists()]


def shown(folder: Path) -> Path:
    """Return an absolute folder relative to the working folder, if it lies there."""
    return folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder


def discard(folder: Path) -> None:
    """Remove a folder if it is empty, or holds only Hydra's config of the sweep."""
    note = folder / _SWEEP_CONFIG
    if not folder.is_dir():
        return
    with _kept(folder) as alone:
        if not alone or any(path != note for path in folder.iterdir()):
            return
        note.unlink(missing_ok=True)
        with suppress(OSError):  # another run has just started there
            folder.rmdir()


@contextmanager
def discarding(folders: list[Path]) -> Iterator[None]:
    """Remove, at the end of the block, those of ``folders`` to which nothing was written, deepest first.

    The list is read at the end, so that the caller may add to it.
    """
    try:
        yield
    finally:
        for folder in sorted(set(folders), key=lambda path: len(path.parts), reverse=True):
            discard(folder)
