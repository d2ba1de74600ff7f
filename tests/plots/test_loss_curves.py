from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from lossbook.config.pairings import contracts
from lossbook.errors import UserError
from lossbook.plots.loss_curves import COUNT, FAMILIES, curve, family_of, merged, relatives, variants

CONTRACTS = contracts()
SIGMA = torch.sigmoid
EXPECTED = {  # value and slope over the family's number, by hand
    "l1": ("error", lambda x: x.abs(), torch.sign),
    "mse": ("error", lambda x: x**2, lambda x: 2 * x),
    "smooth_l1": ("error", lambda x: torch.where(x.abs() < 1, x**2 / 2, x.abs() - 0.5), lambda x: x.clamp(-1, 1)),
    "poisson_nll": ("count", lambda x: x - COUNT * x.log(), lambda x: 1 - COUNT / x),
    "multi_margin": ("margin", lambda z: (1 - z).clamp(min=0) / 2, lambda z: -0.5 * (z < 1)),
    "multilabel_margin": ("margin", lambda z: (1 - z).clamp(min=0) / 2, lambda z: -0.5 * (z < 1)),
    "hinge_embedding": ("distance", lambda d: d, torch.ones_like),
    "cosine_embedding": ("cosine", lambda c: 1 - c, lambda c: -torch.ones_like(c)),
    "triplet_margin": ("triplet", lambda d: (1 + d).clamp(min=0), lambda d: 1.0 * (d > -1)),
    "margin_ranking": ("ranking", lambda d: (1 - d).clamp(min=0), lambda d: -1.0 * (d < 1)),
} | {
    name: ("margin", lambda z: F.softplus(-z), lambda z: -SIGMA(-z))
    for name in ("bce", "bce_logits", "cross_entropy", "nll", "soft_margin", "multilabel_soft_margin")
}


@pytest.mark.parametrize("name", EXPECTED)
def test_value_and_slope_by_hand(name: str) -> None:
    family, value, slope = EXPECTED[name]
    assert family_of(CONTRACTS[name]) == family
    found, x = curve(CONTRACTS[name], FAMILIES[family]), FAMILIES[family].grid()
    torch.testing.assert_close(found.values, value(x), atol=2e-4, rtol=1e-3)
    smooth = (x[:, None] - torch.tensor([-1.0, 0.0, 1.0])).abs().amin(1) > 0.02  # not where it has a corner
    torch.testing.assert_close(found.slopes[smooth], slope(x)[smooth], atol=2e-3, rtol=2e-3)


def test_smoothed_targets_pull_back_from_certainty() -> None:
    """With 0.1 shared among two classes, the target is 0.95: the slope vanishes where sigmoid(z) = 0.95."""
    found, z = curve(CONTRACTS["kl_div"], FAMILIES["margin"]), FAMILIES["margin"].grid()
    torch.testing.assert_close(found.slopes, SIGMA(z) - 0.95, atol=1e-4, rtol=1e-3)
    assert math.log(0.95 / 0.05) < 3


def test_pairs_of_different_classes() -> None:
    d = FAMILIES["distance"].grid()
    found = curve(CONTRACTS["hinge_embedding"], FAMILIES["distance"], same=False)
    torch.testing.assert_close(found.values, (1 - d).clamp(min=0), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", CONTRACTS)
def test_every_loss_is_drawn_or_refused_with_the_reason(name: str) -> None:
    if name in ("ctc", "info_nce", "sum"):
        with pytest.raises(UserError, match=r"not (a function )?of one number"):
            family_of(CONTRACTS[name])
    else:
        assert name in {*EXPECTED, "kl_div", "dice"}


def test_equal_curves_are_one() -> None:
    names = ["bce_logits", "nll", "multi_margin", "cross_entropy"]
    found = merged([curve(CONTRACTS[name], FAMILIES["margin"]) for name in names])
    assert [each.names for each in found] == [("bce_logits", "nll", "cross_entropy"), ("multi_margin",)]


def test_relatives_and_variants() -> None:
    assert {each.name for each in relatives(CONTRACTS["smooth_l1"], "error", CONTRACTS)} == {"l1", "mse"}
    assert {each.name for each in relatives(CONTRACTS["poisson_nll"], "count", CONTRACTS)} == {"l1", "mse", "smooth_l1"}
    assert [each.criterion["beta"] for each in variants(CONTRACTS["smooth_l1"])] == [0.5, 2.0]
    assert variants(CONTRACTS["mse"]) == []
