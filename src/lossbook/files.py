"""Write files atomically, and say what errors of writing mean. Without torch, for commands that only look at runs."""

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
    """Call ``write(file)`` with a buffer, and write its content to ``path`` in one step.

    Raises:
        UserError: the disk is full, the folder cannot be written, ...; the previous file at ``path`` is untouched.
    """
    memory = io.BytesIO()  # writing to a full disk, torch would raise a RuntimeError
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
        kept = f"{path} is unchanged." if path.exists() else "No file is left behind."
        raise refuse(
            f"{path} could not be written: {error.strerror or error}.",
            f"{memory.getbuffer().nbytes / 1e6:.1f} MB must fit there. {kept}",
            "free disk space or choose another folder (hydra.run.dir=PATH), then resume with ckpt=PATH.",
        ) from error
    finally:
        with contextlib.suppress(OSError):  # the folder is gone; the error above says so
            beside.unlink(missing_ok=True)


def remove_parts(path: Path) -> None:
    """Remove what killed processes left while writing ``path``; no process may be writing it now."""
    for part in path.parent.glob(f".{path.name}.*.part"):
        part.unlink(missing_ok=True)


def unwritten(error: BaseException, folder: Path) -> UserError | None:
    """Return the user's mistake behind an error of writing to a run's folder; None if it is another error.

    Args:
        error: raised by any library.
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
        "A run writes its curves and checkpoints as it trains; what was written is kept.",
        "free disk space or choose another folder (hydra.run.dir=PATH), then resume with ckpt=PATH",
    )


def gone(folder: Path) -> UserError:
    """Return the error for a run whose folder was removed while it ran."""
    rule = "It was removed while the run trained, with everything that the run had written."
    return refuse(f"The run's folder {folder} is gone.", rule, "run it again, and keep the folder until it ends")


def now() -> str:
    """Return the time as ISO 8601 with the offset from UTC, in milliseconds."""
    return datetime.now().astimezone().isoformat(timespec="milliseconds")


def _sync_folder(folder: Path) -> None:
    """Make the rename survive a power failure; Windows has no such call."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
