from __future__ import annotations

import pytest

import lossbook
from lossbook.config.check import check
from lossbook.config.resolve import plain
from lossbook.errors import UserError


@pytest.mark.parametrize(
    "overrides",
    [
        ["data.mixup=0.2", "data.cutmix=1", "data.sampling=balanced"],
        ["loss=bce", "data=scene_labels", "data.cutmix=1.0"],
        ["loss=multi_margin", "data.mixup=0.2"],
        ["loss=mse", "data.mixup=0.2"],
        ["loss=kl_div", "data=digit_mixtures", "data.mixup=0.2"],
        ["loss=triplet_margin", "data=digits", "data.sampling=balanced"],
        ["loss=info_nce", "data.sampling=balanced"],
    ],
)
def test_what_fits(overrides: list[str]) -> None:
    check(plain(lossbook.compose(*overrides)))


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["loss=triplet_margin", "data=digits", "data.mixup=0.2"], "compares samples (inputs: triplets)"),
        (["loss=margin_ranking", "+data.mixup=0.2"], "compares samples (inputs: pairs)"),
        (["loss=info_nce", "+data.mixup=0.2"], "Samples of several inputs are compared"),
        (["data=digit_pairs", "loss=cosine_embedding", "+data.mixup=0.2"], "Samples of several inputs are compared"),
        (["loss=ctc", "+data.mixup=0.2"], "a target of the kind 'text' is not known"),
        (["data=scene_masks", "+data.cutmix=1.0"], "a target of the kind 'mask' is not known"),
        (["loss=poisson_nll", "+data.mixup=0.2"], "a target of the kind 'count' is not known"),
        (["loss=mse", "+data.cutmix=1.0"], "data.mixup is linear"),
        (["data=digit_tokens", "+data.mixup=0.2"], "Inputs that are tokens"),
        (["data.mixup=0"], "mixup must be a number above 0"),
        (["data.mixup=true"], "data.mixup"),
        (["data.sampling=equal"], "data.sampling"),
        (["loss=mse", "+data.sampling=balanced"], "these targets are of the kind 'value'"),
        (
            ["data=scene_targets", "loss=sum", "+data.sampling=balanced"],
            "Samples are balanced by the one class of each",
        ),
        (["data.sampling=balanced", "trainer.overfit_batches=2"], "it has no effect"),
    ],
)
def test_what_does_not_fit(overrides: list[str], said: str) -> None:
    with pytest.raises(UserError) as error:
        check(plain(lossbook.compose(*overrides)))
    assert said in str(error.value)
