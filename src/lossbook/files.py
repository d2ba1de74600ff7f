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
    """Call ``write(file)`` with a file beside ``path``, and put that in its place in one step.

    Raises:
        UserError: the disk is full, the folder cannot be written, ...; the previous file at ``path`` is untouched.
    """
    beside = _Beside(path.with_name(f".{path.name}.{os.getpid()}.part"))
    try:
        write(beside)  # type: ignore[arg-type]
        beside.sync()
        os.replace(beside.path, path)
        _sync_folder(path.parent)
    except OSError as error:
        if not beside.finished:  # of what was to be written, not of writing
            raise
        kept = f"{path} is unchanged." if path.exists() else "No file is left behind."
        raise refuse(
            f"{path} could not be written: {error.strerror or error}.",
            f"{beside.size / 1e6:.1f} MB must fit there. {kept}",
            "free disk space or choose another folder (hydra.run.dir=PATH), then resume with ckpt=PATH.",
        ) from error
    finally:
        with contextlib.suppress(OSError):  # the folder is gone; the error above says so
            beside.close()
            beside.path.unlink(missing_ok=True)


class _Beside(io.RawIOBase):
    """A new file, whose errors are kept until ``sync``: torch would raise a RuntimeError instead of them.

    Args:
        path: of the file; its folder is made.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.size, self.finished = path, 0, False
        self._file: BinaryIO | None = None
        self._error: OSError | None = None

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        """Write bytes; after an error only count them."""
        count = memoryview(data).nbytes
        self.size += count
        if self._error is None:
            try:
                self._opened().write(data)
            except OSError as error:
                self._error = error
        return count

    def sync(self) -> None:
        """Bring everything to the disk.

        Raises:
            OSError: that did not succeed, now or before.
        """
        self.finished = True
        if self._error is not None:
            raise self._error
        self._opened().flush()
        os.fsync(self._opened().fileno())

    def close(self) -> None:
        super().close()
        if self._file is not None:
            self._file.close()

    def _opened(self) -> BinaryIO:
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(self.path, "wb")  # noqa: SIM115  (``close`` closes it)
        return self._file


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
