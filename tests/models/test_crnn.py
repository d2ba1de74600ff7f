from __future__ import annotations

import pytest
import torch
from torch.nn.functional import ctc_loss

from lossbook.errors import UserError
from lossbook.models.crnn import CRNN


@pytest.mark.parametrize("shape", [(1, 12, 96), (3, 16, 40), (1, 4, 2), (2, 33, 31)])
def test_two_columns_become_one_step(shape: tuple[int, int, int]) -> None:
    outputs, lengths = CRNN(shape, 11)(torch.randn(3, *shape))
    assert outputs.shape == (3, shape[2] // 2, 11)
    assert lengths.tolist() == [shape[2] // 2] * 3
    assert lengths.dtype == torch.int64


def test_a_lines_length_in_columns_becomes_its_steps() -> None:
    # by hand: a column begun counts, and there is no step beyond the image
    _, lengths = CRNN((1, 12, 9), 3)(torch.randn(5, 1, 12, 9), torch.tensor([1, 2, 3, 8, 9]))
    assert lengths.tolist() == [1, 1, 2, 4, 4]
    _, lengths = CRNN((1, 12, 9), 3)(torch.randn(2, 1, 12, 9), torch.tensor([0, 100]))
    assert lengths.tolist() == [1, 4]


def test_a_step_sees_both_sides() -> None:
    torch.manual_seed(0)
    image = torch.randn(1, 1, 12, 64, requires_grad=True)
    CRNN((1, 12, 64), 3).eval()(image)[0][0, 16].sum().backward()
    columns = image.grad.abs().sum((0, 1, 2)).nonzero().flatten()
    assert columns.min() < 24
    assert columns.max() > 40


def test_it_learns_two_lines_by_heart() -> None:
    torch.manual_seed(0)
    model = CRNN((1, 8, 16), 3, dropout=0.0)
    images, text = torch.randn(2, 1, 8, 16), torch.tensor([[1, 2], [2, 2]])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(60):
        outputs, steps = model(images, torch.tensor([16, 14]))
        loss = ctc_loss(outputs.log_softmax(2).transpose(0, 1), text, steps, torch.tensor([2, 2]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    read = [row[row > 0].tolist() for row in map(torch.unique_consecutive, outputs.argmax(2))]
    assert read == [[1, 2], [2, 2]]


@pytest.mark.parametrize(
    ("shape", "options", "said"),
    [
        ((30,), {}, "model=mlp"),
        ((1, 8, 8), {"output": "vector"}, "model=cnn"),
        ((1, 8, 8), {"output": "dense"}, "model=unet"),
        ((1, 3, 8), {}, "3 x 8"),
        ((1, 8, 1), {}, "8 x 1"),
        ((1, 8, 8), {"channels": [4, 4]}, "model.channels=[4, 4]"),
        ((1, 8, 8), {"channels": [4, 4, 0]}, "model.channels=[4, 4, 0]"),
        ((1, 8, 8), {"hidden": 0}, "model.hidden=0"),
        ((1, 8, 8), {"dropout": 2.0}, "model.dropout=2.0"),
    ],
)
def test_what_it_cannot_do_is_refused(shape: tuple[int, ...], options: dict, said: str) -> None:
    with pytest.raises(UserError) as error:
        CRNN(shape, 2, **options)
    assert said in str(error.value)
