"""Whether the choices fit together, told from the config alone."""

from __future__ import annotations

from typing import Any

import pytest

import lossbook
from lossbook.config.check import accepts, check
from lossbook.config.pairings import contracts
from lossbook.config.resolve import plain
from lossbook.errors import UserError


def checked(*overrides: str) -> str:
    """What is said against these overrides, or nothing."""
    try:
        check(plain(lossbook.compose(*overrides)))
    except UserError as error:
        return str(error)
    return ""


def test_every_loss_alone_fits() -> None:
    for loss in contracts():
        assert checked(f"loss={loss}") == ""


def test_two_errors_are_said_at_once() -> None:
    text = checked("loss=triplet_margin", "data=diabetes", "loss.criterion.margin=0", "loss.pairing.mine=easy")
    assert "diabetes" in text
    assert "margin=0" in text
    assert "mine=easy" in text


@pytest.mark.parametrize(
    ("overrides", "fix"),
    [
        (["loss=nll", "model=crnn"], "model=cnn"),
        (["loss=ctc", "model=cnn"], "model=crnn"),
        (["data=digit_tokens", "model=cnn"], "model=bag"),
        (["model=bag"], "data=digit_tokens"),
        (["data=scene_masks", "model=mlp"], "model=unet"),
        (["loss=mse", "model.embedding_dim=3"], "model.embedding_dim=null"),
        (["loss=triplet_margin", "model.embedding_dim=0"], "model.embedding_dim=null"),
        (["loss=info_nce", "data=digits"], "data=digit_views"),
        (["loss=cross_entropy", "data=digit_views"], "data=digits"),
        (["loss=bce", "trainer.precision=16-mixed"], "precision="),
        (["loss=poisson_nll", "loss.criterion.eps=1e-6"], "eps=1e-08"),
        (["loss=kl_div", "loss.accepts.class.smoothing=1.0"], "smoothing=0.1"),
        (["seed=-1"], "from 0 to 4,294,967,295"),
        (["seed=4294967296"], "seed=0"),
        (["data.seed=-1"], "data.seed=0"),
        (["data.batch_size=0"], "data.batch_size=64"),
        (["data.limit=0"], "data.limit=null"),
        (["model.strict=all"], "model.strict=backbone"),
        (["model.strict=some", "model.weights=w.pt"], "model.strict=backbone"),
        (["trainer.accelerator=mps"], "trainer.accelerator=cpu"),
    ],
)
def test_the_fix_is_named(overrides: list[str], fix: str) -> None:
    assert fix in checked(*overrides)


def test_where_the_data_were_chosen_and_the_loss_was_not_losses_are_proposed() -> None:
    table = ["data=csv", "data.root=x", "data.target_columns=[a]", "data.target=multilabel"]
    assert "Fix: loss=bce_logits or " in checked(*table)
    assert "Fix: data=" in checked(*table, "loss=cross_entropy")
    assert "Fix: loss=ctc" in checked("data=digit_lines")


def test_the_largest_seed_fits() -> None:
    assert checked("seed=4294967295", "data.seed=4294967295") == ""


def test_a_model_that_does_not_say_what_it_gives_is_let_pass() -> None:
    config: dict[str, Any] = plain(lossbook.compose("loss=ctc"))
    del config["model"]["gives"]
    check(config)


def test_pairs_and_triplets_come_in_tuples_whatever_the_views() -> None:
    found = contracts()
    assert accepts(found["triplet_margin"], {"target": "triplet", "views": 1})
    assert not accepts(found["triplet_margin"], {"target": "class", "views": 2})
    assert accepts(found["info_nce"], {"target": "pair", "views": 1})
