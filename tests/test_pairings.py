"""Every pairing of loss and data that the contracts allow trains; every other is refused, with data that would fit."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

import lossbook
from lossbook.config.check import accepts, check
from lossbook.config.options import Options, conf_folder
from lossbook.config.pairings import contracts, page
from lossbook.config.resolve import plain
from lossbook.errors import UserError

OPTIONS = Options([conf_folder()])
CONTRACTS = contracts(OPTIONS)
OFFLINE = [name for name in OPTIONS.names("data") if not OPTIONS.needs_files(f"data/{name}")]
PAIRS = [(loss, data) for loss in CONTRACTS for data in OFFLINE]
ALLOWED = [pair for pair in PAIRS if accepts(CONTRACTS[pair[0]], OPTIONS.stated(f"data/{pair[1]}")[0])]
REFUSED = [pair for pair in PAIRS if pair not in ALLOWED]


def test_there_are_twenty_losses_and_seventeen_take_classes() -> None:
    """And their weighted sum, here of cross-entropy and dice."""
    alone = [contract for contract in CONTRACTS.values() if not contract.terms]
    assert len(alone) == 20
    assert sum("class" in contract.accepts for contract in alone) == 17
    assert list(CONTRACTS["sum"].accepts) == ["class", "mask"]


@pytest.mark.parametrize(("loss", "data"), ALLOWED)
def test_allowed_pairing_trains(loss: str, data: str, tmp_path: Path) -> None:
    config = lossbook.compose(
        f"loss={loss}", f"data={data}", "data.limit=48", "data.batch_size=24", "trainer=cpu", "trainer.max_epochs=1",
        "logger=none", "callbacks=none",
    )  # fmt: skip
    metrics = lossbook.train(config, tmp_path)
    assert math.isfinite(metrics["train/loss"])
    assert math.isfinite(metrics["test/loss"])
    record = json.loads((tmp_path / "metrics.json").read_text())
    assert record["status"] == "completed"
    assert record["steps"] == 2
    assert record["primary"] in metrics


@pytest.mark.parametrize(("loss", "data"), REFUSED)
def test_other_pairing_is_refused_with_data_that_fits(loss: str, data: str) -> None:
    config = plain(lossbook.compose(f"loss={loss}", f"data={data}"))
    with pytest.raises(UserError) as error:
        check(config)
    text = str(error.value)
    assert loss in text
    assert f"data={data}" in text
    fitting = next(other for other in OFFLINE if (loss, other) in ALLOWED)
    several = isinstance(config["data"]["target"], dict)
    assert ("Fix: loss=sum 'loss.terms={labels: " if several else f"data={fitting}") in text


def test_the_page_of_the_docs_is_up_to_date() -> None:
    assert (Path(__file__).parents[1] / "docs" / "pairings.md").read_text() == page()
