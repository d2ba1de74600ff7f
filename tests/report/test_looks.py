from __future__ import annotations

from lossbook.report.looks import LOST, REST, WINNER, looks


def test_only_winners_have_their_colour_and_no_two_look_alike() -> None:
    found = looks([True, True, *[False] * 20])
    assert len(set(found)) == 22
    assert [color == WINNER for color, _ in found] == [True, True, *[False] * 20]
    assert LOST not in {color for color, _ in found}
    assert looks([True, False]) == [(WINNER, "-"), (REST, "-")]
