"""A checkpoint as a file: whether it is there and whole; without torch, and before anything in it is read."""

from __future__ import annotations

import shlex
import zipfile
import zlib
from pathlib import Path

from lossbook.errors import UserError, refuse

_USUAL = ("last.ckpt", "best.ckpt")


def require_file(path: Path) -> None:
    """Refuse what is no file, with the checkpoint that may have been meant.

    Raises:
        UserError: there is nothing at ``path``, or a folder.
    """
    if path.is_file():
        return
    folder = path if path.is_dir() else path.parent
    near = [*folder.glob("*.ckpt"), *folder.glob("checkpoints/*.ckpt")] if folder.is_dir() else []
    meant = max(near, key=lambda one: (one.name == "last.ckpt", one.name), default=None)
    fix = typed(meant) if meant else "ckpt=outputs/<loss>-<optim>/<date>_<time>/checkpoints/last.ckpt"
    what = "is a folder" if path.is_dir() else "does not exist" if not path.exists() else "is no file"
    raise refuse(f"ckpt={path} {what}.", "ckpt names a checkpoint file.", fix)


def require_whole(path: Path) -> None:
    """Hold every record of the archive against its checksum, about 2 ms a megabyte: torch does not look at them.

    Raises:
        UserError: it is no archive of torch's, cut short, or a record differs from what was written.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            records = archive.infolist()
            # torch stores what it writes; what is packed could unpack to any size
            stored = all(record.compress_type == zipfile.ZIP_STORED for record in records)
            fits = sum(record.file_size for record in records) <= path.stat().st_size
            if not any(record.filename.endswith("/data.pkl") for record in records) or not (stored and fits):
                raise not_ours(path, "is no checkpoint file")
            damaged = archive.testzip()
    except OSError as error:
        raise refuse(
            f"ckpt={path} cannot be read: {error.strerror or error}.", "ckpt names a readable file."
        ) from error
    except UserError:
        raise
    except (zipfile.BadZipFile, zlib.error, ValueError, NotImplementedError, EOFError, RuntimeError) as error:
        if _cut_short(path):
            raise refuse(
                f"ckpt={path} is cut short ({path.stat().st_size:,} bytes).",
                "A copy or download that broke off looks like this; Lossbook itself never leaves such a file.",
                f"copy it again, or {another(path)}",
            ) from error
        if zipfile.is_zipfile(path):
            raise _damaged(path, "its directory") from error
        raise not_ours(path, "is no checkpoint file") from error
    if damaged is not None:
        raise _damaged(path, f"its record {damaged}")


def another(path: Path) -> str:
    """What to type instead of a checkpoint that cannot be used."""
    other = next((one for name in _USUAL if (one := path.with_name(name)).is_file() and one.name != path.name), None)
    return typed(other) if other else "train anew, without ckpt"


def typed(path: Path) -> str:
    """``ckpt=PATH`` as a shell takes it."""
    return shlex.quote(f"ckpt={path}")


def not_ours(path: Path, what: str) -> UserError:
    """The error for a file that is something else."""
    return refuse(
        f"ckpt={path} {what}.",
        "ckpt names a checkpoint that lossbook has written: it alone carries the config that rebuilds the run.",
        "give checkpoints/last.ckpt or checkpoints/best.ckpt of a run's folder.",
    )


def _damaged(path: Path, where: str) -> UserError:
    rule = f"The checksum of {where} is not that of what was written: bits changed on the disk or on the way."
    return refuse(f"ckpt={path} is damaged.", rule, f"copy it again, or {another(path)}")


def _cut_short(path: Path) -> bool:
    """Whether the file starts as torch's archives do and lacks the directory at their end."""
    with open(path, "rb") as file:
        start = file.read(4)
    return not start or (start == b"PK\x03\x04" and not zipfile.is_zipfile(path))
