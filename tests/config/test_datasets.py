"""docs/data.md is what the options say."""

from __future__ import annotations

from pathlib import Path

from lossbook.config.datasets import page
from lossbook.config.options import Options, conf_folder


def test_the_page_of_the_docs_is_up_to_date() -> None:
    assert (Path(__file__).parents[2] / "docs" / "data.md").read_text() == page()


def test_every_option_has_a_row_with_a_command() -> None:
    rows = [line.split(" | ") for line in page().splitlines() if line.startswith("| `")]
    assert sorted(row[0].strip("| `") for row in rows) == Options([conf_folder()]).names("data")
    assert all("python scripts/train.py" in row[3] for row in rows)
    assert all(row[1] for row in rows)
