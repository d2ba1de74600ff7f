"""The text of a file: its encoding found, or given, with errors that say what else the file is."""

from __future__ import annotations

import codecs
import gzip
import os
import shlex
import zlib
from pathlib import Path
from typing import Any

from lossbook.errors import UserError, refuse

BINARY = {  # first bytes -> what such a file is, and how to convert it
    b"BZh": ("compressed with bzip2", "bunzip2 < {path} > NEW.csv"),
    b"\xfd7zXZ\x00": ("compressed with xz", "unxz < {path} > NEW.csv"),
    b"\x28\xb5\x2f\xfd": ("compressed with zstd", "unzstd < {path} > NEW.csv"),
    b"PK\x03\x04": ("an Excel workbook (xlsx), or another zip archive", "save it as CSV, UTF-8"),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook (xls)", "save it as CSV, UTF-8"),
    b"ARROW1": ("a Feather file", "pandas.read_feather(FILE).to_parquet(NEW)"),
    b"\x89HDF": ("an HDF5 file", "save its table as CSV, UTF-8"),
    b"\x93NUMPY": ("a NumPy array", "numpy.savetxt with delimiter=',' and a header"),
    b"SQLite format 3": ("an SQLite database", "sqlite3 -header -csv {path} 'select * from TABLE' > NEW.csv"),
    b"\x80\x04\x95": ("a Python pickle", "save its table as CSV, UTF-8"),
    b"\x80\x05\x95": ("a Python pickle", "save its table as CSV, UTF-8"),
    b"%PDF": ("a PDF", "save its table as CSV, UTF-8"),
}
MARKS = {  # byte order marks, the longest first -> codec
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
    b"\xef\xbb\xbf": "utf-8-sig",
}
GZIP = b"\x1f\x8b"
PARQUET = b"PAR1"
WESTERN = "cp1252"  # Windows-1252
_RULE = "A table must be CSV or TSV text, or Parquet, each also gzipped."
_CONTROL = bytes((*range(9), *range(14, 32)))  # characters that do not occur in text


def read_content(path: Path) -> bytes:
    """Return the bytes of a file, decompressed where it is gzipped.

    Raises:
        UserError: it cannot be read, or is of a kind that is no table.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        raise _unreadable(path, "a folder" if os.path.isdir(path) else "a device or a pipe, not a file")
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        raise _unreadable(path, getattr(error, "strerror", None) or str(error)) from error
    if content.startswith(GZIP):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            given = f"{path} is a damaged gzip file ({error})"
            raise refuse(given, "It ends early, or its checksum is wrong.", "copy it again") from error
    for start, (what, fix) in BINARY.items():
        if content.startswith(start):
            raise refuse(f"{path} is {what}", _RULE, fix.format(path=shlex.quote(str(path))))
    return content


def decoded(path: Path, content: bytes, encoding: Any = None) -> tuple[str, str]:
    """Return the text of a file, without its byte order mark and with its line endings, and its encoding.

    Args:
        path: of the file, for messages.
        content: its bytes.
        encoding: a name that Python knows; None to find UTF-8, UTF-16, UTF-32 or Windows-1252.

    Raises:
        UserError: it is not text in the encoding.
    """
    name = codec(encoding) if encoding is not None else _found(path, content)
    try:
        text = content.decode(name)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        given = f"{path} line {line} is not text in {encoding or name}: byte 0x{content[error.start]:02x}"
        fix = "data.encoding=null finds it" if encoding is not None else "save it as CSV, UTF-8"
        raise refuse(given, _RULE, fix) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        rule = "A table is text and contains no NUL characters."
        raise refuse(f"{path} line {line} contains a NUL", rule, "check that the file is complete and is a table")
    return text.lstrip("\ufeff"), name


def codec(given: Any) -> str:
    """Return the name of a codec as Python writes it.

    Raises:
        UserError: Python has no text encoding of this name.
    """
    try:
        found = codecs.lookup(str(given))
        if not getattr(found, "_is_text_encoding", True):
            raise LookupError
    except (LookupError, ValueError) as error:
        rule = "The encoding must have a name that Python knows: utf-8, utf-16, windows-1252, latin-1, ..."
        raise refuse(f"data.encoding={given}", rule, "data.encoding=null finds it") from error
    return found.name


def read_text(path: Path) -> str:
    """Return the text of a file in an encoding that is found.

    Raises:
        UserError: it cannot be read or is not text.
    """
    return decoded(path, read_content(path))[0]


def _found(path: Path, content: bytes) -> str:
    """Return the codec of a file."""
    for start, name in MARKS.items():
        if content.startswith(start):
            return name
    head = content[:1000]
    if b"\0" in content:
        even, odd = head[::2].count(0), head[1::2].count(0)
        if max(even, odd) > len(head) // 4:
            return "utf-16-le" if odd > even else "utf-16-be"
        return "utf-8" if content.isascii() else WESTERN
    try:
        content.decode()
    except UnicodeDecodeError as error:
        if any(mark in head for mark in _CONTROL):
            raise refuse(f"{path} is not text", _RULE, "save it as CSV, UTF-8") from error
        return WESTERN
    return "utf-8"


def _unreadable(path: Path, why: str) -> UserError:
    beside = ""
    if path.parent.is_dir() and (found := sorted(other.name for other in path.parent.glob("*.csv"))):
        beside = f" The folder has {', '.join(found[:6])}{', ...' if len(found) > 6 else ''}."
    rule = f"data.root must be a table, or a folder with train, val and test tables.{beside}"
    return refuse(f"data.root: {path} cannot be read ({why})", rule, "data.root=PATH")
