from __future__ import annotations

import pytest

from lossbook.config.keys import dotted_keys, nearest_key, unknown

KNOWN = [
    "seed",
    "loss",
    "loss.criterion",
    "loss.criterion.margin",
    "optim",
    "optim.lr",
    "trainer",
    "trainer.max_epochs",
]


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("optim.lrr", "optim.lr"),
        ("lr", "optim.lr"),
        ("optm.lr", "optim.lr"),
        ("epochs", "trainer.max_epochs"),
        ("trainer.epochs", "trainer.max_epochs"),
        ("los", "loss"),
        ("sed", "seed"),
        ("loss.margin", "loss.criterion.margin"),
        ("zzz", None),
        ("optim.momentum", None),
    ],
)
def test_the_nearest_key(key: str, near: str | None):
    assert nearest_key(key, KNOWN) == near


def test_dotted_keys_include_those_of_mappings() -> None:
    assert dotted_keys({"seed": 0, "optim": {"lr": 1, "betas": [0.9]}}) == ["seed", "optim", "optim.lr", "optim.betas"]


def test_an_argument_of_a_class_that_nobody_knows_is_added() -> None:
    known = ["data.dataset", "data.dataset._target_"]
    assert unknown("data.dataset.root", "x", known).fix == "+data.dataset.root=x"
