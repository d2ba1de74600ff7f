"""Checks of a checkpoint's file: that it exists and is intact. Without torch, and before its content is read."""

from __future__ import annotations

import shlex
import zipfile
import zlib
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from lossbook.errors import UserError, refuse

_USUAL = ("last.ckpt", "best.ckpt")


def require_file(path: Path) -> None:
    """Check that a path is a file; the error suggests the checkpoint that was probably meant.

    Raises:
        UserError: nothing is at ``path``, or a folder.
    """
    if path.is_file():
        return
    folder = path if path.is_dir() else path.parent
    near = [*folder.glob("*.ckpt"), *folder.glob("checkpoints/*.ckpt")] if folder.is_dir() else []
    meant = max(near, key=lambda one: (one.name == "last.ckpt", one.name), default=None)
    fix = typed(meant) if meant else "ckpt=outputs/<loss>-<optim>/<date>_<time>/checkpoints/last.ckpt"
    what = "is a folder" if path.is_dir() else "does not exist" if not path.exists() else "is not a file"
    raise refuse(f"ckpt={path} {what}.", "ckpt must be a checkpoint file.", fix)


def checkpoint_in(path: Path) -> Path:
    """Return the checkpoint of a run's folder, the best before the last; another path as it is.

    Raises:
        UserError: the folder holds none.
    """
    if not path.is_dir():
        return path
    places = [path / folder / name for folder in ("checkpoints", "") for name in ("best.ckpt", "last.ckpt")]
    found = next((one for one in places if one.is_file()), None)
    if found is None:
        rule = "This folder holds no checkpoints/best.ckpt."
        raise refuse(f"ckpt={path}", rule, "the folder of a run that was trained, or a checkpoint file")
    return found


def require_whole(path: Path) -> None:
    """Check every record of the archive against its checksum, which torch does not; about 2 ms a megabyte.

    A file that was found to be whole is not read again as long as it does not change.

    Raises:
        UserError: it is not an archive of torch, it is truncated, or a record differs from what was written.
    """
    with suppress(OSError):  # said below
        status = path.stat()
        return _require_whole(path.absolute(), path, (status.st_mtime_ns, status.st_size, status.st_ino))
    return _require_whole.__wrapped__(path, path, ())


@lru_cache(maxsize=8)
def _require_whole(absolute: Path, path: Path, state: tuple[int, ...]) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            records = archive.infolist()
            # torch does not compress; what is compressed could unpack to any size
            stored = all(record.compress_type == zipfile.ZIP_STORED for record in records)
            fits = sum(record.file_size for record in records) <= path.stat().st_size
            if not any(record.filename.endswith("/data.pkl") for record in records) or not (stored and fits):
                raise not_ours(path, "is not a checkpoint file")
            damaged = archive.testzip()
    except OSError as error:
        raise refuse(
            f"ckpt={path} cannot be read: {error.strerror or error}.", "ckpt must be a readable file."
        ) from error
    except UserError:
        raise
    except (zipfile.BadZipFile, zlib.error, ValueError, NotImplementedError, EOFError, RuntimeError) as error:
        if _cut_short(path):
            raise refuse(
                f"ckpt={path} is truncated ({path.stat().st_size:,} bytes).",
                "An interrupted copy or download looks like this; Lossbook itself never leaves such a file.",
                f"copy it again, or {another(path)}",
            ) from error
        if zipfile.is_zipfile(path):
            raise _damaged(path, "its directory") from error
        raise not_ours(path, "is not a checkpoint file") from error
    if damaged is not None:
        raise _damaged(path, f"its record {damaged}")


def another(path: Path) -> str:
    """Return what to type instead of a checkpoint that cannot be used."""
    other = next((one for name in _USUAL if (one := path.with_name(name)).is_file() and one.name != path.name), None)
    return typed(other) if other else "train from scratch, without ckpt"


def typed(path: Path) -> str:
    """Return ``ckpt=PATH``, quoted for a shell."""
    return shlex.quote(f"ckpt={path}")


def not_ours(path: Path, what: str) -> UserError:
    """Return the error for a file that is not a checkpoint of Lossbook."""
    return refuse(
        f"ckpt={path} {what}.",
        "ckpt must be a checkpoint written by lossbook: only that holds the config that rebuilds the run.",
        "checkpoints/last.ckpt or checkpoints/best.ckpt of a run's folder",
    )


def _damaged(path: Path, where: str) -> UserError:
    rule = f"The checksum of {where} does not match: bits changed on the disk or in a transfer."
    return refuse(f"ckpt={path} is damaged.", rule, f"copy it again, or {another(path)}")


def _cut_short(path: Path) -> bool:
    """Return whether the file starts like an archive of torch and lacks the directory at its end."""
    with open(path, "rb") as file:
        start = file.read(4)
    return not start or (start == b"PK\x03\x04" and not zipfile.is_zipfile(path))
