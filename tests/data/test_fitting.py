from __future__ import annotations

import re

import pytest
from torch import nn
from torchvision.transforms import v2

from lossbook.data.augment import (
    Affine,
    BrightnessContrast,
    ColorJitter,
    EachSample,
    GaussianNoise,
    HorizontalFlip,
    RandAugment,
    ResizedCrop,
)
from lossbook.data.fitting import augment_problems, border_problems, option_problems
from lossbook.data.schema import Schema

IMAGES = Schema("class", (1, 8, 8), 0, classes=2)
MASKS = Schema("mask", (1, 8, 8), 0, classes=2)
LINES = Schema("text", (1, 8, 64), 0, classes=2)
TABLE = Schema("class", (30,), 0, classes=2)
TOKENS = Schema("class", (30,), 0, classes=2, vocabulary=9)


@pytest.mark.parametrize(
    ("options", "given"),
    [
        ((0, 1, None, 0, True), "data.batch_size=0"),
        (("most", 1, None, 0, True), "data.batch_size=most"),
        ((2.5, 1, None, 0, True), "data.batch_size=2.5"),
        ((True, 1, None, 0, True), "data.batch_size=true"),
        ((64, 0, None, 0, True), "data.views=0"),
        ((64, 3, None, 0, True), "data.views=3"),
        ((64, 1, 0, 0, True), "data.limit=0"),
        ((64, 1, None, -1, True), "data.num_workers=-1"),
        ((64, 1, None, 2, True), "data.num_workers=2"),
    ],
)
def test_numbers_that_make_no_sense_or_have_no_effect(options: tuple[object, ...], given: str) -> None:
    (problem,) = option_problems(*options)
    assert problem.given == given
    assert problem.fix


def test_good_numbers_and_all_problems_at_once() -> None:
    assert not list(option_problems("all", 2, 1, 0, True))
    assert not list(option_problems(1, 1, None, 4, False))
    assert len(list(option_problems(0, 0, 0, -1, True))) == 4


@pytest.mark.parametrize(
    ("schema", "augment", "views", "rule"),
    [
        (IMAGES, [], 2, "without augmentation they are all the same"),
        (MASKS, [GaussianNoise()], 2, "Several views are made of data with classes"),
        (TABLE, [Affine()], 1, r"these inputs have shape \(30,\)"),
        (TOKENS, [GaussianNoise()], 1, "these inputs are tokens"),
        (MASKS, [EachSample(v2.RandomRotation(10))], 1, "a class for each pixel, which would stay behind"),
        (Schema("class", (2, 8, 8), 0, classes=2), [ColorJitter()], 1, "images of 1 or 3 channels; these have 2"),
        (TABLE, [RandAugment()], 1, r"these inputs have shape \(30,\)"),
        (LINES, [Affine()], 1, "a width in columns, which would stay behind"),
        (MASKS, [nn.Dropout()], 1, "stay behind"),
        (IMAGES, [v2.RandomRotation(10)], 1, "one set of numbers for a whole batch"),
    ],
)
def test_what_does_not_fit_the_data(schema: Schema, augment: list[nn.Module], views: int, rule: str) -> None:
    (problem,) = augment_problems(schema, augment, views)
    assert re.search(rule, problem.rule)


@pytest.mark.parametrize(
    ("schema", "augment", "views"),
    [
        (IMAGES, [Affine(), GaussianNoise()], 2),
        (IMAGES, [EachSample(v2.RandomRotation(10))], 1),
        (MASKS, [BrightnessContrast(), EachSample(v2.RandomInvert(), geometric=False)], 1),
        (TABLE, [GaussianNoise()], 1),
        (MASKS, [Affine(), RandAugment(), ColorJitter()], 1),
        (Schema("none", (1, 8, 8), 0), [Affine()], 2),
    ],
)
def test_what_fits(schema: Schema, augment: list[nn.Module], views: int) -> None:
    assert not list(augment_problems(schema, augment, views))


def test_places_outside_of_an_image_need_a_label_that_the_loss_ignores() -> None:
    modules = [HorizontalFlip(), ResizedCrop(), Affine(), GaussianNoise()]
    assert not list(border_problems(modules, {"target": -100}))
    (problem,) = border_problems(modules, {"target": None})
    assert problem.given == "data.augment: Affine for mask targets"
    assert not list(border_problems(modules, {}))
