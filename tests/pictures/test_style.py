from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

from lossbook.pictures.style import picture


def test_a_png_of_the_size_that_was_asked_for_in_folders_that_are_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.png"
    with picture(path, 3, 2) as figure:
        figure.add_subplot().plot([1, 2])
    assert struct.unpack(">II", path.read_bytes()[16:24]) == (300, 200)


def test_no_window_is_ever_asked_for() -> None:
    code = "import sys, lossbook.pictures.style; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
