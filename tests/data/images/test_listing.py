from __future__ import annotations

from lossbook.data.images.listing import counts_in_words, readable


def test_what_pillow_opens_without_drawing_is_no_image() -> None:
    assert all(map(readable, (".png", ".jfif", ".gif", ".tga", ".ico")))
    assert not any(map(readable, ("", ".pdf", ".eps", ".mpg", ".h5", ".wmf", ".txt", ".heic")))


def test_reasons_are_counted_the_most_frequent_first() -> None:
    assert counts_in_words({}) == ""
    assert counts_in_words({"b": 2, "a": 2, "c": 1000, "d": 0}) == "1,000 c, 2 a, 2 b"
    assert counts_in_words({f"k{number}": 20 - number for number in range(10)}, 2) == "20 k0, 19 k1, 116 others"
