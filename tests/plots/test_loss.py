from __future__ import annotations

from pathlib import Path

import pytest

from lossbook.config.pairings import contracts
from lossbook.errors import UserError
from lossbook.plots.loss import draw

CONTRACTS = contracts()


@pytest.mark.parametrize("name", ["smooth_l1", "bce_logits", "hinge_embedding", "poisson_nll", "triplet_margin"])
def test_a_picture_of_one_loss_of_each_kind(tmp_path: Path, name: str) -> None:
    draw(CONTRACTS[name], CONTRACTS, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 10_000


def test_a_loss_of_many_numbers_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="alignments"):
        draw(CONTRACTS["ctc"], CONTRACTS, tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []
