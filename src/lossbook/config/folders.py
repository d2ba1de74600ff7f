"""Folders of runs and sweeps: claimed so that no two processes share one, handed back where nothing came of them."""

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

OUTPUTS = Path("outputs")
CONFIG = "config.yaml"  # by which a folder is known to hold a run
_SWEEP_CONFIG = "multirun.yaml"  # Hydra writes it as soon as a sweep is asked for, before its jobs are checked
_PATIENCE_S = 2.0  # for the system to take a folder from a process that was just killed
_descriptors: set[int] = set()  # of the folders that this process keeps


def claim(base: Path) -> Path:
    """Makes the folder ``base``, or ``base-2``, ``base-3``, ... where another run was faster.

    The mkdir is exclusive, so that no two callers, in whatever process, get the same folder.
    """
    for folder in _names(base):
        try:
            folder.mkdir(parents=True)
        except FileExistsError as error:
            if folder.exists():
                continue
            raise _unmade(folder, error) from error  # something else stands where a folder above it would
        except OSError as error:
            raise _unmade(folder, error) from error
        return folder
    raise AssertionError("count never ends")


def _unmade(folder: Path, error: OSError) -> UserError:
    rule = "Every run and every sweep writes into a folder of its own."
    given = f"{folder} cannot be made: {error.strerror or error}."
    return refuse(given, rule, "hydra.run.dir=PATH, of a sweep hydra.sweep.dir=PATH, where you may write")


@contextmanager
def claimed(base: Path) -> Iterator[Path]:
    """The folder ``base`` for a new run, made where it is not there, and kept from all other runs within the block.

    It may hold anything but a run. Where it holds one, or another process has it, it is ``base-2``, ``base-3``, ...
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
    """The folder of a run that goes on in it, kept from all other processes within the block.

    Raises:
        UserError: another process has it.
    """
    until = time.monotonic() + _PATIENCE_S
    while True:
        with _kept(folder) as alone:
            if alone:
                yield folder
                return
        if time.monotonic() > until:
            rule = "Another process trains in this folder, and two would overwrite each other's checkpoints."
            raise refuse(str(folder), rule, "wait for it, or go on in another folder: leave hydra.run.dir out")
        time.sleep(0.05)


@contextmanager
def _kept(folder: Path) -> Iterator[bool]:
    """Whether this process has the folder from now on, to the end of the block, and no other has.

    The folder itself is locked, so that nothing stays behind, and the system takes it back from a process that is
    killed. Where the system or the folder's file system knows no such locks, everybody has it.
    """
    if os.name == "nt":
        yield True
        return
    import fcntl

    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:  # discarded just now
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
    """Closes, in a process forked off, what would keep the folders after the end of the one that has them."""
    while _descriptors:
        os.close(_descriptors.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def _names(base: Path) -> Iterator[Path]:
    """``base``, ``base-2``, ``base-3``, ..."""
    yield base
    yield from (base.with_name(f"{base.name}-{number}") for number in count(2))


def run_base(choices: Mapping[str, Any], outputs: Path = OUTPUTS) -> Path:
    """``outputs/<loss>-<optim>/<date>_<time>`` of a run that starts now, to be claimed; ``choices`` as in a config."""
    name = f"{choices.get('loss')}-{choices.get('optim')}".replace("/", "_")
    return outputs / name / _now()


def sweep_base(outputs: Path = OUTPUTS) -> Path:
    """``outputs/sweeps/<date>_<time>`` of a sweep that starts now, to be claimed."""
    return outputs / "sweeps" / _now()


def _now() -> str:
    return datetime.now().strftime("%Y-%m-%d_%H-%M-%S")


def missing(folder: Path) -> list[Path]:
    """What a ``mkdir -p`` of this folder would make: the folder and those of its parents that are not there yet."""
    folder = folder.absolute()
    return [path for path in (folder, *folder.parents) if not path.exists()]


def shown(folder: Path) -> Path:
    """Return an absolute folder relative to the working folder, if it lies there."""
    return folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder


def discard(folder: Path) -> None:
    """Removes a folder that holds nothing, or nothing but Hydra's note of the sweep; else leaves it as it is."""
    note = folder / _SWEEP_CONFIG
    if not folder.is_dir():
        return
    with _kept(folder) as alone:
        if not alone or any(path != note for path in folder.iterdir()):
            return
        note.unlink(missing_ok=True)
        with suppress(OSError):  # another run has just begun there
            folder.rmdir()


@contextmanager
def discarding(folders: list[Path]) -> Iterator[None]:
    """Discards, at the end, those of ``folders`` that nothing was written to (deepest first).

    The list is read at the end, so that the caller may add to it.
    """
    try:
        yield
    finally:
        for folder in sorted(set(folders), key=lambda path: len(path.parts), reverse=True):
            discard(folder)
