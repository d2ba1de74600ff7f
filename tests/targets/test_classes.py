from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, average_precision_score, f1_score
from torch import tensor
from torch.nn import functional as F

from lossbook.data.schema import Schema
from lossbook.targets.classes import Index, OneHot, PaddedClass, PlusMinusOne, Smoothed

ALL = [
    Index,
    OneHot,
    lambda schema: OneHot(schema, binary=True),
    lambda schema: OneHot(schema, binary=True, threshold=0.5),
    PlusMinusOne,
    Smoothed,
    lambda schema: Smoothed(schema, smoothing=0.0, log_target=True),
    PaddedClass,
]


def of(classes: int) -> Schema:
    return Schema("class", (1,), 10, classes=classes)


@st.composite
def samples(draw):
    classes = draw(st.integers(2, 6))
    return classes, tensor(draw(st.lists(st.integers(0, classes - 1), min_size=1, max_size=12)))


@given(samples(), st.sampled_from(ALL))
def test_scores_that_equal_the_encoded_target_decide_for_the_class(data, make):
    classes, target = data
    encoding = make(of(classes))
    encoded = encoding.encode(target)
    if encoded.dtype == torch.int64:  # an index says where the highest score must stand
        assert torch.equal(encoded.view(len(target), -1)[:, 0], target)
        scores = F.one_hot(target, classes)
    else:
        assert encoded.dtype == torch.float32
        scores = encoded
    assert torch.equal(encoding.decide(scores), target)
    assert encoding.expected_shape(target) == scores.shape == (len(target), encoding.width)


def test_encoded_values():
    target = tensor([2, 0])
    assert Index(of(3)).encode(target).tolist() == [2, 0]
    assert OneHot(of(3)).encode(target).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert PlusMinusOne(of(3)).encode(target).tolist() == [[-1, -1, 1], [1, -1, -1]]
    assert PaddedClass(of(3)).encode(target).tolist() == [[2, -1, -1], [0, -1, -1]]
    assert PlusMinusOne(of(2)).encode(tensor([1, 0])).tolist() == [[1], [-1]]
    assert OneHot(of(2), binary=True).encode(tensor([1, 0])).tolist() == [[1], [0]]
    assert OneHot(of(3), binary=True).width == 3  # one output only where there are two classes


def test_one_output_decides_at_its_threshold():
    scores = tensor([[0.4], [0.6], [-0.1]])
    assert OneHot(of(2), binary=True, threshold=0.5).decide(scores).tolist() == [0, 1, 0]
    assert OneHot(of(2), binary=True).decide(scores).tolist() == [1, 1, 0]


@given(samples(), st.floats(0, 0.99))
def test_smoothing(data, smoothing):
    classes, target = data
    encoded = Smoothed(of(classes), smoothing).encode(target)
    torch.testing.assert_close(encoded.sum(1), torch.ones(len(target)))
    # torch's own label smoothing, as a distribution
    logits = torch.randn(len(target), classes)
    expected = F.cross_entropy(logits, target, label_smoothing=smoothing)
    torch.testing.assert_close(F.cross_entropy(logits, encoded), expected)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_logarithms_give_the_same_divergence(smoothing):
    logits, target = torch.randn(5, 4, requires_grad=True), tensor([0, 3, 2, 1, 1])
    plain, log = Smoothed(of(4), smoothing), Smoothed(of(4), smoothing, log_target=True)
    losses = [
        F.kl_div(logits.log_softmax(1), encoding.encode(target), reduction="batchmean", log_target=encoding.log_target)
        for encoding in (plain, log)
    ]
    torch.testing.assert_close(*losses)
    gradients = [torch.autograd.grad(loss, logits, retain_graph=True)[0] for loss in losses]
    torch.testing.assert_close(*gradients)


def metrics(encoding, scores, target):
    found = {}
    for name, measure in encoding.measures().items():
        measure.metric.update(*measure.view(scores, target))
        found[name] = float(measure.metric.compute())
    return found


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("scale", [0.1, 30.0])  # within and beyond where a sigmoid would be applied, or saturate
def test_metrics_against_scikit_learn(classes, scale):
    generator = np.random.default_rng(0)
    target = generator.integers(0, classes, 60)
    scores = (generator.normal(size=(60, classes)) * scale).astype("float32")
    found = metrics(OneHot(of(classes)), torch.from_numpy(scores), torch.from_numpy(target))
    decided = scores.argmax(1)
    averaged = f1_score(target, decided, average="binary" if classes == 2 else "macro")
    precision = average_precision_score(np.eye(classes)[target], scores, average="macro")
    assert found == pytest.approx({"acc": accuracy_score(target, decided), "f1": averaged, "map": precision}, abs=1e-6)


@pytest.mark.parametrize("positive", [0, 1])
@pytest.mark.parametrize("single", [False, True])
def test_f1_is_of_the_positive_class(positive, single):
    generator = np.random.default_rng(2)
    target, scores = generator.integers(0, 2, 50), generator.normal([1, 0], size=(50, 2)).astype("float32")
    scores = scores[:, 1:] - scores[:, :1] if single else scores
    decided = scores[:, 0] > 0 if single else scores.argmax(1)
    encoding = OneHot(replace(of(2), positive=positive, class_names=("no", "yes")), binary=single)
    found = metrics(encoding, torch.from_numpy(scores), torch.from_numpy(target))
    assert found["f1"] == pytest.approx(f1_score(target, decided, pos_label=positive), abs=1e-6)
    assert encoding.measures()["f1"].hint.startswith(f"of the class {('no', 'yes')[positive]}")


def test_classes_that_do_not_occur_are_left_out_of_a_mean_as_in_scikit_learn():
    target, decided = tensor([0, 0, 1, 3]), tensor([0, 1, 1, 0])  # 2 and 4 occur nowhere, 3 is never decided for
    found = metrics(Index(of(5)), F.one_hot(decided, 5).float(), target)
    assert found["f1"] == pytest.approx(f1_score(target, decided, average="macro"), abs=1e-6)


def test_metrics_of_one_output():
    generator = np.random.default_rng(1)
    target, scores = generator.integers(0, 2, 50), generator.normal(size=(50, 1)).astype("float32") * 5
    found = metrics(OneHot(of(2), binary=True), torch.from_numpy(scores), torch.from_numpy(target))
    second, decided = scores[:, 0], scores[:, 0] > 0
    precision = (average_precision_score(target, second) + average_precision_score(1 - target, -second)) / 2
    expected = {"acc": accuracy_score(target, decided), "f1": f1_score(target, decided), "map": precision}
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("classes", [2, 3])
def test_ignored_samples_do_not_count(classes):
    target, scores = tensor([0, 1, -100, 1, -100]), torch.randn(5, classes)
    kept = target >= 0
    found = metrics(Index(of(classes), ignore_index=-100), scores, target)
    assert found == pytest.approx(metrics(Index(of(classes)), scores[kept], target[kept]))
