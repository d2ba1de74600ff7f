"""The page about optimizers."""

from __future__ import annotations

from pathlib import Path

import pytest

import lossbook
from lossbook.config.check import check
from lossbook.config.optimizers import by_loss, page, refusals, task
from lossbook.config.options import Options, conf_folder
from lossbook.config.resolve import plain
from lossbook.errors import UserError

OPTIONS = Options([conf_folder()])


def test_the_page_of_the_docs_is_up_to_date() -> None:
    assert (Path(__file__).parents[2] / "docs" / "optimizers.md").read_text() == page()


@pytest.mark.parametrize(
    ("loss", "optim"),
    [("cross_entropy", "sparse_adam"), ("ctc", "rprop"), ("nll", "sparse_adam"), ("mse", "lbfgs"), ("bce", "muon")],
)
def test_tasks_and_refusals_are_those_of_the_command_line(loss: str, optim: str) -> None:
    given = [f"loss={loss}"] * (loss != "cross_entropy")  # which is the default, and brings no data
    config = plain(lossbook.compose(f"optim={optim}", *given))
    assert task(OPTIONS, loss, optim).items() <= config["choices"].items()
    problems = refusals(OPTIONS, loss, optim)
    if problems:
        with pytest.raises(UserError) as caught:
            check(config)
        assert list(caught.value.problems) == problems
    else:
        check(config)


def test_a_row_a_loss_and_a_mark_where_they_train() -> None:
    text, refused = by_loss(OPTIONS)
    lines = text.splitlines()
    assert len(lines) == 2 + len(OPTIONS.names("loss"))
    head = [cell.strip(" `") for cell in lines[0].strip("|").split("|")]
    rows = {line.split("`")[1]: [cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]}
    assert rows["cross_entropy"].count("x") == len(OPTIONS.names("optim"))
    assert rows["ctc"][head.index("sparse_adam")] == ""
    assert "ctc" in next(losses for text, losses in refused.items() if "sparse_adam" in text)
