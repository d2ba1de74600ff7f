from __future__ import annotations

import torch

from lossbook.models.smooth_clip import SmoothClip


def test_numbers_are_squashed_and_other_columns_are_not() -> None:
    rows = torch.tensor([[3.0, -4.0, 50.0], [0.0, 1e30, -7.0]])
    expected = torch.tensor([[2.4, -2.8284271, 50.0], [0.0, 4.0, -7.0]])  # 3 / sqrt(1 + 9 / 16), 4 / sqrt(2)
    torch.testing.assert_close(SmoothClip(2, 4.0)(rows), expected, rtol=1e-4, atol=0)
    torch.testing.assert_close(SmoothClip(3, 4.0)(rows)[:, :2], expected[:, :2], rtol=1e-4, atol=0)


def test_small_numbers_stay_nearly_what_they_are_and_the_order_is_kept() -> None:
    rows = torch.linspace(-300, 300, 601)[:, None]
    clipped = SmoothClip(1, 4.0)(rows)
    assert (clipped.diff(dim=0) > 0).all()
    assert (clipped - rows)[rows.abs() <= 0.5].abs().max() < 0.004


def test_numbers_far_out_have_finite_gradients() -> None:
    rows = torch.tensor([[3e18, -3e38, 0.0]], requires_grad=True)
    assert SmoothClip(3, 4.0)(rows.half())[0].isfinite().all()
    SmoothClip(3, 4.0)(rows).sum().backward()
    assert rows.grad is not None
    assert rows.grad.isfinite().all()
