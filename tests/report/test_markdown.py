from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from lossbook.report.markdown import escaped, few, link, megabytes, seconds, table

PAGE = MarkdownIt("commonmark").enable("table")


@given(st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=60))
def test_any_text_stands_in_a_cell_as_it_is(content: str) -> None:
    tokens = PAGE.parse(table(["head", "next"], [[escaped(content), "x"]]))
    cells = [token for at, token in enumerate(tokens) if at and tokens[at - 1].type == "td_open"]
    assert len(cells) == 2
    assert cells[1].content == "x"
    children = cells[0].children or []
    if "_" not in content and "&" not in content and "~" not in content:
        assert "".join(child.content for child in children) == content.strip()
        assert {child.type for child in children} <= {"text", "text_special"}


def test_lines_stay_in_one_cell() -> None:
    assert escaped("one | two\n\n  three\r\nfour") == "one \\| two<br>three<br>four"
    assert len(escaped("x" * 5000)) < 900


def test_links_lead_from_the_page_to_the_folder(tmp_path: Path) -> None:
    assert link("a|b", tmp_path / "runs" / "0", tmp_path / "report") == "[a\\|b](<../runs/0>)"


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), (1.26, "1.3 s"), (59.7, "60 s"), (599.0, "599 s"), (3600.0, "60 min")]
)
def test_times(value: float | None, text: str) -> None:
    assert seconds(value) == text


def test_sizes_and_lists() -> None:
    assert (megabytes(None), megabytes(1234.5)) == ("", "1,234 MB")
    assert few(["a", "b", "c"], 2) == "a; b and 1 more"
    assert few(["a", "b"], 2) == "a; b"
