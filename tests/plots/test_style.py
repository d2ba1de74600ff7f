from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

from lossbook.plots.style import LOST, REST, WINNER, line_styles, picture


def test_a_png_of_the_size_that_was_asked_for_in_folders_that_are_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.png"
    with picture(path, 3, 2) as figure:
        figure.add_subplot().plot([1, 2])
    assert struct.unpack(">II", path.read_bytes()[16:24]) == (300, 200)


def test_no_window_is_ever_asked_for() -> None:
    code = "import sys, lossbook.plots.style; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_dollars_in_names_are_no_formula_and_those_of_the_axis_are(tmp_path: Path) -> None:
    with picture(tmp_path / "a.png", 3, 2) as figure:
        axes = figure.add_subplot()
        axes.plot([1, 2], [1e-6, 1e6], label="$a_{$")
        axes.set_yscale("log")
        axes.set_xticks([1, 2], ["$b^{$", "c"])
        axes.set_title("$x_1$")
        axes.legend()
    assert not axes.title.get_parse_math()
    assert all(tick.get_parse_math() for tick in axes.get_yticklabels())
    assert not any(tick.get_parse_math() for tick in axes.get_xticklabels())


def test_only_winners_have_their_colour_and_no_two_look_alike() -> None:
    found = line_styles([True, True, *[False] * 20])
    assert len(set(found)) == 22
    assert [color == WINNER for color, _ in found] == [True, True, *[False] * 20]
    assert LOST not in {color for color, _ in found}
    assert line_styles([True, False]) == [(WINNER, "-"), (REST, "-")]
