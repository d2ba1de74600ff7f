"""The soft Dice loss against loops over samples and classes in numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from lossbook.losses.criteria.dice import DiceLoss

SHAPES = [(), (5,), (3, 4)]


def by_hand(probability: Tensor, target: Tensor, smooth: float = 0.0, ignored: int = -100) -> np.ndarray:
    p, y = probability.double().numpy(), target.numpy()
    samples, classes = p.shape[:2]
    p, y = p.reshape(samples, classes, -1), y.reshape(samples, -1)
    losses = np.zeros(samples)
    for sample in range(samples):
        counts = y[sample] != ignored
        each = []
        for label in set(y[sample][counts].tolist()):
            truth = (y[sample] == label)[counts].astype(float)
            said = p[sample, label][counts]
            each.append(1 - (2 * (said * truth).sum() + smooth) / (said.sum() + truth.sum() + smooth))
        losses[sample] = np.mean(each) if each else 0.0
    return losses


def drawn(shape: tuple[int, ...], classes: int = 4, samples: int = 6) -> tuple[Tensor, Tensor]:
    return torch.randn(samples, classes, *shape).softmax(1), torch.randint(classes, (samples, *shape))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("smooth", [0.0, 1.0])
def test_it_is_that_of_loops_over_samples_and_classes(shape: tuple[int, ...], smooth: float) -> None:
    probability, target = drawn(shape)
    wanted = by_hand(probability, target, smooth)
    found = DiceLoss(smooth, reduction="none")(probability, target)
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-6)
    assert float(DiceLoss(smooth)(probability, target)) == pytest.approx(wanted.mean(), abs=1e-6)
    assert float(DiceLoss(smooth, reduction="sum")(probability, target)) == pytest.approx(wanted.sum(), abs=1e-5)


def test_two_pixels_by_hand() -> None:
    probability = torch.tensor([[[0.75, 0.5], [0.25, 0.5]]])  # (1, 2, 2)
    wanted = ((1 - 1.5 / 2.25) + (1 - 1.0 / 1.75)) / 2
    assert float(DiceLoss()(probability, torch.tensor([[0, 1]]))) == pytest.approx(wanted)
    only = 1 - 2 * 1.25 / (1.25 + 2)  # what is predicted of a class that is not there is missing elsewhere
    assert float(DiceLoss()(probability, torch.tensor([[0, 0]]))) == pytest.approx(only)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("ignored", [-100, 2, 255])
def test_ignored_positions_count_nowhere(shape: tuple[int, ...], ignored: int) -> None:
    probability, target = drawn(shape)
    target[torch.rand(target.shape) < 0.4] = ignored
    criterion = DiceLoss(ignore_index=ignored, reduction="none")
    found = criterion(probability, target)
    np.testing.assert_allclose(found.numpy(), by_hand(probability, target, ignored=ignored), atol=1e-6)
    elsewhere = torch.where((target == ignored).unsqueeze(1), torch.rand_like(probability), probability)
    torch.testing.assert_close(criterion(elsewhere, target), found)


def test_a_sample_that_is_all_ignored_has_no_loss_and_no_gradient() -> None:
    scores = torch.randn(2, 3, 4, 4, requires_grad=True)
    target = torch.randint(3, (2, 4, 4))
    target[0] = -100
    losses = DiceLoss(reduction="none")(scores.softmax(1), target)
    losses.sum().backward()
    assert float(losses[0].detach()) == 0
    assert not scores.grad[0].any()
    assert scores.grad[1].any()


def test_one_class() -> None:
    """Predicted everywhere, as a softmax over one class does, it is perfect."""
    assert float(DiceLoss()(torch.ones(2, 1, 3), torch.zeros(2, 3, dtype=torch.int64))) == 0


@pytest.mark.parametrize("scale", [1.0, 1e4])
@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_are_finite(shape: tuple[int, ...], scale: float) -> None:
    """Also where a class has a probability of exactly 0 everywhere and is in no target."""
    scores = (torch.randn(6, 4, *shape) * scale).requires_grad_()
    DiceLoss()(scores.softmax(1), torch.zeros(6, *shape, dtype=torch.int64)).backward()
    assert scores.grad.isfinite().all()


def test_its_gradient_is_that_of_differences() -> None:
    probability, target = drawn((3,))
    target[0, 1] = -100
    assert torch.autograd.gradcheck(lambda p: DiceLoss()(p, target), probability.double().requires_grad_())


@given(st.integers(1, 4), st.integers(1, 5), st.integers(0, 9), st.integers(0, 2**31), st.floats(0, 10))
def test_it_lies_between_0_and_1_and_is_0_for_a_perfect_prediction(
    samples: int, classes: int, positions: int, seed: int, smooth: float
) -> None:
    generator = torch.Generator().manual_seed(seed)
    shape = (positions,) if positions else ()
    target = torch.randint(classes, (samples, *shape), generator=generator)
    probability = (5 * torch.randn(samples, classes, *shape, generator=generator)).softmax(1)
    losses = DiceLoss(smooth, reduction="none")(probability, target)
    assert (losses >= -1e-6).all()
    assert (losses <= 1).all()
    perfect = F.one_hot(target, classes).movedim(-1, 1).float()
    assert DiceLoss(smooth, reduction="none")(perfect, target).abs().max() < 1e-6
