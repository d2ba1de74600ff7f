"""Reading a CSV file's text, with errors that say what else the file is."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from lossbook.errors import UserError, refuse

BINARY = {  # first bytes -> what such a file is, and how to convert it to CSV
    b"\x1f\x8b": ("compressed with gzip", "gunzip < {path} > NEW.csv"),
    b"BZh": ("compressed with bzip2", "bunzip2 < {path} > NEW.csv"),
    b"\xfd7zXZ\x00": ("compressed with xz", "unxz < {path} > NEW.csv"),
    b"\x28\xb5\x2f\xfd": ("compressed with zstd", "unzstd < {path} > NEW.csv"),
    b"PK\x03\x04": ("an Excel workbook (xlsx), or another zip archive", "save it as CSV, UTF-8"),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook (xls)", "save it as CSV, UTF-8"),
    b"PAR1": ("a Parquet file", "pandas.read_parquet(FILE).to_csv(NEW, index=False)"),
    b"ARROW1": ("a Feather file", "pandas.read_feather(FILE).to_csv(NEW, index=False)"),
    b"\x89HDF": ("an HDF5 file", "save its table as CSV, UTF-8"),
    b"\x93NUMPY": ("a NumPy array", "numpy.savetxt with delimiter=',' and a header"),
    b"SQLite format 3": ("an SQLite database", "sqlite3 -header -csv {path} 'select * from TABLE' > NEW.csv"),
    b"\x80\x04\x95": ("a Python pickle", "save its table as CSV, UTF-8"),
    b"\x80\x05\x95": ("a Python pickle", "save its table as CSV, UTF-8"),
    b"%PDF": ("a PDF", "save its table as CSV, UTF-8"),
}
MARKS = {  # byte order marks, the longest first
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}

CONTROL = bytes((*range(9), *range(14, 32)))  # characters that do not occur in text


def read_text(path: Path) -> str:
    """Return the text of a UTF-8 file without its byte order mark; line endings are kept.

    Raises:
        UserError: the file does not exist, or is not UTF-8 text.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        raise _unreadable(path, "a folder" if os.path.isdir(path) else "a device or a pipe, not a file")
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        raise _unreadable(path, getattr(error, "strerror", None) or str(error)) from error
    for start, (what, fix) in BINARY.items():
        if content.startswith(start):
            raise refuse(
                f"{path} is {what}", "A table must be a CSV file in UTF-8.", fix.format(path=shlex.quote(str(path)))
            )
    for start, encoding in MARKS.items():
        if content.startswith(start):
            raise _encoded(path, encoding)
    if b"\0" in content:
        even, odd = content[:1000:2].count(0), content[1:1000:2].count(0)
        if max(even, odd) > len(content[:1000]) // 4:
            raise _encoded(path, "UTF-16LE" if odd > even else "UTF-16BE")
        line = content.count(b"\n", 0, content.index(b"\0")) + 1
        rule = "A CSV file is text and contains no NUL bytes."
        raise refuse(f"{path} line {line} contains a NUL byte", rule, "check that the file is complete and is a table")
    try:
        return content.decode("utf-8-sig").lstrip("\ufeff")
    except UnicodeDecodeError as error:
        if any(content[:1000].count(mark) for mark in CONTROL):
            raise refuse(
                f"{path} is not text", "A table must be a CSV file in UTF-8.", "save it as CSV, UTF-8"
            ) from error
        line = content.count(b"\n", 0, error.start) + 1
        raise refuse(
            f"{path} line {line} is not UTF-8: byte 0x{error.object[error.start]:02x}",
            "A table must be a CSV file in UTF-8; this may be Windows-1252 (Latin-1), which spreadsheets write.",
            f"save it as CSV, UTF-8: {_converted(path, 'WINDOWS-1252')}",
        ) from error


def _encoded(path: Path, encoding: str) -> UserError:
    return refuse(f"{path} is text in {encoding}", "A table must be a CSV file in UTF-8.", _converted(path, encoding))


def _converted(path: Path, encoding: str) -> str:
    return f"iconv -f {encoding} -t UTF-8 {shlex.quote(str(path))} > NEW.csv"


def _unreadable(path: Path, why: str) -> UserError:
    beside = ""
    if path.parent.is_dir() and (found := sorted(other.name for other in path.parent.glob("*.csv"))):
        beside = f" The folder has {', '.join(found[:6])}{', ...' if len(found) > 6 else ''}."
    rule = f"data.root must be a CSV file, or a folder with train.csv, val.csv and test.csv.{beside}"
    return refuse(f"data.root: {path} cannot be read ({why})", rule, "data.root=PATH")
