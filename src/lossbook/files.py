"""Files that are written whole or not at all; without torch, for those who only look after runs."""

from __future__ import annotations

import contextlib
import errno
import io
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from lossbook.errors import UserError, refuse

_NO_ROOM = {errno.ENOSPC, errno.EFBIG, errno.EROFS, getattr(errno, "EDQUOT", errno.ENOSPC)}
_NO_LEAVE = {errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.EIO}


def write_whole(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    """Calls ``write(file)`` on memory, then puts that on the disk under ``path`` in one step.

    Raises:
        UserError: the disk is full, the folder cannot be written, ...; what was under ``path`` is untouched.
    """
    memory = io.BytesIO()  # torch turns a full disk into a RuntimeError of its own when it writes by itself
    write(memory)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(beside, "wb") as file:
            file.write(memory.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
        _sync_folder(path.parent)
    except OSError as error:
        kept = f"{path} is kept as it was." if path.exists() else "No file is left behind."
        raise refuse(
            f"{path} could not be written: {error.strerror or error}.",
            f"{memory.getbuffer().nbytes / 1e6:.1f} MB have to fit there. {kept}",
            "make room or choose another folder (hydra.run.dir=PATH), then go on with ckpt=PATH.",
        ) from error
    finally:
        with contextlib.suppress(OSError):  # the folder itself has gone; the error above says so
            beside.unlink(missing_ok=True)


def remove_parts(path: Path) -> None:
    """Removes what processes have left that were killed while they wrote ``path``; nobody may be writing it now."""
    for part in path.parent.glob(f".{path.name}.*.part"):
        part.unlink(missing_ok=True)


def unwritten(error: BaseException, folder: Path) -> UserError | None:
    """What an error that comes of a run's folder means; None where it is another.

    Args:
        error: raised while something was written there, by whatever library.
        folder: of the run.
    """
    if not isinstance(error, OSError):
        return None
    if not folder.is_dir():
        return gone(folder)
    name = error.filename.decode(errors="replace") if isinstance(error.filename, bytes) else error.filename
    within = name is not None and Path(str(name)).absolute().is_relative_to(folder.absolute())
    if error.errno not in _NO_ROOM and not (within and error.errno in _NO_LEAVE):
        return None
    return refuse(
        f"{name or folder} could not be written: {error.strerror or error}.",
        "A run writes its curves and checkpoints as it goes; what is there is kept.",
        "make room or choose another folder (hydra.run.dir=PATH), then go on with ckpt=PATH",
    )


def gone(folder: Path) -> UserError:
    """The error for a run whose folder was taken away under it."""
    rule = "It was there when the run began, and whatever the run had written went with it."
    return refuse(f"The run's folder {folder} is gone.", rule, "run it again, and leave the folder alone meanwhile")


def now() -> str:
    """The time as records have it: ISO 8601 with the offset from UTC, in milliseconds."""
    return datetime.now().astimezone().isoformat(timespec="milliseconds")


def _sync_folder(folder: Path) -> None:
    """Makes the rename itself outlive a power cut; Windows has no such call."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
