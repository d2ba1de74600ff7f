"""The page of a report: Markdown that holds together, and tells all that happened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from lossbook.report.report import report


def test_the_page_is_markdown_and_tells_all(night: Path) -> None:
    made = report([night])
    page = made.readme.read_text()
    tokens = MarkdownIt("commonmark").enable("table").parse(page)
    widths: list[set[int]] = []
    for token in tokens:
        if token.type == "table_open":
            widths.append(set())
        elif token.type == "tr_open":
            cells = 0
        elif token.type in ("td_close", "th_close"):
            cells += 1
        elif token.type == "tr_close":
            widths[-1].add(cells)
    assert len(widths) == 5  # overview, two boards, runs without a metric, refused
    assert all(len(width) == 1 for width in widths)
    images = [child.attrs["src"] for token in tokens for child in token.children or [] if child.type == "image"]
    assert sorted(images) == sorted(path.name for path in made.out.glob("*.png"))
    assert {"ranking-val-acc-on-digits.png", "pairs-val-acc-on-digits.png", "curves-val-acc-on-digits.png"} <= set(
        images
    )
    links = [child.attrs["href"] for token in tokens for child in token.children or [] if child.type == "link_open"]
    assert [(made.out / link).resolve() for link in links] == [(night / "4").resolve()]
    assert "killed:<br>signal \\| 9" in page
    assert "ctc \\| sgd do not fit" in page
    assert "18 jobs: 13 completed, 1 failed, 3 refused, 1 not run yet" in page
    assert "loss=l1,optim=sgd,seed=2" in page  # not run yet
    assert f"python scripts/report.py {night}" in page
    assert "scripts/train.py -m" in page


@pytest.mark.parametrize(("losses", "said"), [((0.1, 0.2), True), ((0.1, 0.1), False)])
def test_why_equal_metrics_have_different_ranks(
    tmp_path: Path, run: Callable[..., Path], losses: tuple[float, float], said: bool
) -> None:
    for optim, loss in zip(("adam", "sgd"), losses, strict=True):
        run(tmp_path / optim, 0.9, optim=optim, metrics={"val/loss": loss})
    assert ("Ties are ordered by val/loss." in report([tmp_path]).readme.read_text()) == said
