"""Folders of runs and sweeps: claimed by an exclusive mkdir, and handed back where nothing came of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

from lossbook.errors import UserError, refuse

OUTPUTS = Path("outputs")
_SWEEP_CONFIG = "multirun.yaml"  # Hydra writes it as soon as a sweep is asked for, before its jobs are checked


def claim(base: Path) -> Path:
    """Makes the folder ``base``, or ``base-2``, ``base-3``, ... where another run was faster.

    The mkdir is exclusive, so that no two callers, in whatever process, get the same folder.
    """
    for number in count(1):
        folder = base if number == 1 else base.with_name(f"{base.name}-{number}")
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


def make_folder(folder: Path) -> None:
    """Makes a folder that may be there already, and those above it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unmade(folder, error) from error


def _unmade(folder: Path, error: OSError) -> UserError:
    rule = "Every run and every sweep writes into a folder of its own."
    given = f"{folder} cannot be made: {error.strerror or error}."
    return refuse(given, rule, "hydra.run.dir=PATH, of a sweep hydra.sweep.dir=PATH, where you may write")


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


def discard(folder: Path) -> None:
    """Removes a folder that holds nothing, or nothing but Hydra's note of the sweep; else leaves it as it is."""
    note = folder / _SWEEP_CONFIG
    if not folder.is_dir() or any(path != note for path in folder.iterdir()):
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
