from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from lossbook.data.tables.text import codec, decoded, read_text
from lossbook.errors import UserError

TEXT = "a,b\r\n1,ä\r\n" * 20


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252"]
)
@pytest.mark.parametrize("packed", [False, True])
def test_encodings_are_found(tmp_path: Path, encoding: str, packed: bool) -> None:
    content = TEXT.encode(encoding)
    (tmp_path / "t.csv").write_bytes(gzip.compress(content) if packed else content)
    assert read_text(tmp_path / "t.csv") == TEXT


def test_an_encoding_may_be_given() -> None:
    assert decoded(Path("t.csv"), "Привет".encode("koi8-r"), "koi8-r") == ("Привет", "koi8-r")
    with pytest.raises(UserError, match=r"line 2 is not text in utf-8: byte 0xe4"):
        decoded(Path("t.csv"), TEXT.encode("latin-1"), "utf-8")
    assert codec("Windows-1252") == "cp1252"
    for wrong in ("utf-99", "rot13", "hex", ""):
        with pytest.raises(UserError, match=r"data\.encoding="):
            codec(wrong)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b\n1,2\n1,\0\n", "line 3 contains a NUL"),
        (b"PK\3\4 and so on", "xlsx"),
        (bytes(range(256)).replace(b"\0", b""), "is not text"),
        (b"\x1f\x8b and so on", "damaged gzip"),
    ],
)
def test_what_is_no_text_is_called_by_its_name(tmp_path: Path, content: bytes, message: str) -> None:
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
