from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from lossbook.data.csv_text import read_text
from lossbook.errors import UserError

TEXT = "a,b\r\n1,ä\r\n" * 20


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_utf8_with_and_without_a_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "t.csv").write_bytes(TEXT.encode(encoding))
    assert read_text(tmp_path / "t.csv") == TEXT


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (TEXT.encode("utf-16"), r"is text in UTF-16\n(.*\n)*.*iconv -f UTF-16 -t UTF-8"),
        (TEXT.encode("utf-16-le"), "iconv -f UTF-16LE"),
        (TEXT.encode("utf-16-be"), "iconv -f UTF-16BE"),
        (TEXT.encode("utf-32"), "iconv -f UTF-32"),
        (
            TEXT.encode("latin-1"),
            r"line 2 is not UTF-8: byte 0xe4\n(.*\n)*.*save it as CSV, UTF-8: iconv -f WINDOWS-1252",
        ),
        (b"a,b\n1,2\n1,\0\n", "line 3 contains a NUL byte"),
        (gzip.compress(TEXT.encode(), mtime=0), "is compressed with gzip"),
        (b"PK\3\4 and so on", "xlsx"),
        (bytes(range(256)).replace(b"\0", b""), "is not text"),
        (b"PAR1 and so on", "Parquet"),
    ],
)
def test_what_is_no_utf8_is_called_by_its_name(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_text(tmp_path / "t.csv")


def test_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("a\n")
    with pytest.raises(
        UserError, match=r"nowhere.csv cannot be read \(No such file or directory\)\n.*The folder has other.csv\."
    ):
        read_text(tmp_path / "nowhere.csv")
    with pytest.raises(UserError, match=r"cannot be read \(a folder\)"):
        read_text(tmp_path)
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(UserError, match=r"cannot be read \(a device or a pipe"):  # instead of waiting for a writer
        read_text(tmp_path / "pipe.csv")
