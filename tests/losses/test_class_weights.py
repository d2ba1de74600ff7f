from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch import tensor

from lossbook.errors import UserError
from lossbook.losses.class_weights import class_weights
from lossbook.targets.classes import Index, OneHot
from lossbook.targets.masks import MaskOneHot
from lossbook.targets.multilabel import MultiHot

COUNTS = (2, 3, 5)


@pytest.mark.parametrize("loss", ["cross_entropy", "nll", "multi_margin", "multilabel_soft_margin", "bce_logits"])
def test_auto_is_scikit_learns_balanced(objective, loss):
    labels = np.repeat(np.arange(3), COUNTS)
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    criterion = objective("class", f"loss={loss}", "loss.criterion.weight=auto").criterion
    np.testing.assert_allclose(criterion.weight, expected, rtol=1e-6)


def test_auto_pos_weight_is_absent_over_present(schema, objective):
    labels = objective("multilabel", "loss=bce_logits", "loss.criterion.pos_weight=auto").criterion.pos_weight
    torch.testing.assert_close(labels, tensor([8 / 2, 5 / 5, 2 / 8, 6 / 4]))  # of ten samples
    classes = objective("class", "loss=bce_logits", "loss.criterion.pos_weight=auto").criterion.pos_weight
    torch.testing.assert_close(classes, tensor([8 / 2, 7 / 3, 5 / 5]))
    two = schema("class", classes=2, class_counts=(8, 2))
    single = objective(two, "loss=bce_logits", "loss.criterion.pos_weight=auto").criterion.pos_weight
    torch.testing.assert_close(single, tensor([8 / 2]))


def test_weights_of_masks_stand_before_the_pixels(objective):
    given = objective("mask", "loss=bce_logits", "loss.criterion.pos_weight=[1,2,3]").criterion.pos_weight
    assert torch.equal(given, tensor([1.0, 2.0, 3.0])[:, None, None])
    auto = objective("mask", "loss=bce_logits", "loss.criterion.pos_weight=auto").criterion.pos_weight
    torch.testing.assert_close(auto, tensor([30 / 70, 80 / 20, 90 / 10])[:, None, None])
    index = objective("mask", "loss=cross_entropy", "loss.criterion.weight=[1,2,3]").criterion.weight
    assert index.shape == (3,)  # torch's own form for indices


@pytest.mark.parametrize(
    ("loss", "kind", "key", "given"),
    [
        ("cross_entropy", "class", "weight", "[1,2]"),
        ("nll", "mask", "weight", "[1,2,3,4]"),
        ("bce_logits", "multilabel", "pos_weight", "[3]"),  # torch would broadcast it
        ("bce_logits", "mask", "pos_weight", "[1,2,3,4]"),
        ("multi_margin", "class", "weight", "[]"),
    ],
)
def test_lists_of_the_wrong_length(objective, loss, kind, key, given):
    with pytest.raises(UserError) as caught:
        objective(kind, f"loss={loss}", f"loss.criterion.{key}={given}")
    text = str(caught.value)
    assert f"loss.criterion.{key} has {len(eval(given))} value" in text
    assert f"loss.criterion.{key}=auto" in text
    assert len(text.splitlines()) <= 4


@pytest.mark.parametrize("given", [[0, 0, 0], [1, -1, 1], [1, float("nan"), 1], [1, float("inf"), 1]])
def test_values_that_are_no_weights(schema, given):
    weights, (problem,) = class_weights({"weight": given}, Index(schema("class")))
    assert weights == {}
    assert "0 or more" in problem.rule


@pytest.mark.parametrize("given", [0.5, "balanced", ["a", "b", "c"], [[1], [2], [3]]])
def test_what_is_no_list_of_numbers(schema, given):
    weights, (problem,) = class_weights({"weight": given}, Index(schema("class")))
    assert weights == {}
    assert "a list of numbers" in problem.rule


def test_auto_says_why_it_cannot(schema):
    absent = schema("class", class_counts=(2, 0, 5), class_names=("cat", "dog", "eel"))
    (problem,) = class_weights({"weight": "auto"}, Index(absent))[1]
    assert "no sample of class dog" in problem.rule
    (problem,) = class_weights({"weight": "auto"}, Index(schema("class", class_counts=())))[1]
    assert "counts its classes" in problem.rule
    single = OneHot(schema("class", classes=2, class_counts=(1, 2)), binary=True)
    (problem,) = class_weights({"weight": "auto"}, single)[1]
    assert "pos_weight=auto" in problem.rule


def test_null_means_none_and_both_mistakes_are_said(schema):
    assert class_weights({"weight": None, "reduction": "mean"}, MultiHot(schema("multilabel"))) == ({}, [])
    problems = class_weights({"weight": [1], "pos_weight": "x"}, MaskOneHot(schema("mask")))[1]
    assert len(problems) == 2


def test_one_output_for_two_classes_is_not_sent_in_circles(schema):
    single = OneHot(schema("class", classes=2, class_counts=(1, 2)), binary=True)
    (problem,) = class_weights({"weight": [1, 2]}, single)[1]
    assert "weight=auto" not in problem.fix.replace("pos_weight", "")
    assert "loss=bce_logits loss.criterion.pos_weight=auto" in problem.fix
    (problem,) = class_weights({"pos_weight": [1, 2]}, single)[1]
    assert problem.fix == "loss.criterion.pos_weight=auto"
    assert class_weights({"pos_weight": "auto"}, single)[1] == []
