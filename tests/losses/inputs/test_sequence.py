from __future__ import annotations

import pytest
import torch
from torch import tensor
from torch.nn import functional as F

from lossbook.errors import UserError
from lossbook.losses.inputs.sequence import _needed

TARGET, LENGTHS = tensor([[0, 1, 2], [2, 2, -1]]), tensor([3, 2])


@pytest.fixture
def batch():
    return {"target": TARGET, "target_lengths": LENGTHS}


@pytest.mark.parametrize("blank", [0, 3])
def test_loss_is_torchs(objective, batch, blank):
    output, lengths = torch.randn(2, 7, 4), tensor([7, 5])
    step = objective("text", "loss=ctc", f"loss.criterion.blank={blank}")(output, batch, lengths)
    symbols = TARGET + 1 if blank == 0 else TARGET
    expected = F.ctc_loss(output.log_softmax(2).transpose(0, 1), symbols, lengths, LENGTHS, blank=blank)
    torch.testing.assert_close(step.loss, expected)
    assert step.weight == 2
    assert torch.equal(step.target, TARGET)


def test_all_steps_count_where_the_model_gives_no_lengths(objective, batch):
    output = torch.randn(2, 7, 4)
    bound = objective("text", "loss=ctc")
    torch.testing.assert_close(bound(output, batch).loss, bound(output, batch, tensor([7, 7])).loss)


def test_steps_beyond_the_length_are_read_as_blanks(objective, batch):
    output = F.one_hot(tensor([[1, 0, 2, 3, 0, 0, 0], [3, 0, 3, 1, 1, 1, 1]]), 4).float() * 9
    bound = objective("text", "loss=ctc")
    step = bound(output, batch, tensor([7, 3]))
    assert bound.encoding.decide(step.scores)[:, :4].tolist() == [[0, 1, 2, -1], [2, 2, -1, -1]]


def test_steps_needed():
    target = tensor([[0, 1, 2], [2, 2, -1], [2, 2, 2], [1, -1, -1], [-1, -1, -1], [1, 0, 0]])
    assert _needed(target, tensor([3, 2, 3, 1, 0, 2])).tolist() == [3, 3, 5, 1, 0, 2]
    assert _needed(torch.zeros(2, 0, dtype=torch.int64), tensor([0, 0])).tolist() == [0, 0]


def test_texts_that_do_not_fit_are_an_error(objective, batch):
    with pytest.raises(UserError) as caught:
        objective("text", "loss=ctc")(torch.randn(2, 7, 4), batch, tensor([7, 2]))
    text = str(caught.value)
    assert text.startswith("1 of 2 texts")
    assert "sample 1: 2 symbols, 2 steps" in text
    assert "zero_infinity" in text


def test_or_passed_over_and_counted(objective, batch):
    output = torch.randn(2, 7, 4, requires_grad=True)
    step = objective("text", "loss=ctc", "loss.criterion.zero_infinity=true")(output, batch, tensor([7, 2]))
    assert float(step.metrics["skipped"]) == 0.5
    step.loss.backward()
    assert output.grad.isfinite().all()
    assert (output.grad[1] == 0).all()


@pytest.mark.parametrize("shape", [(2, 7, 3), (2, 4), (2, 4, 7, 1)])
def test_shapes(objective, batch, shape):
    with pytest.raises(UserError, match=r"\(N, T, 4\)"):
        objective("text", "loss=ctc")(torch.randn(shape), batch)


def test_lengths_beyond_the_steps(objective, batch):
    with pytest.raises(UserError, match="7 steps and says that 8"):
        objective("text", "loss=ctc")(torch.randn(2, 7, 4), batch, tensor([8, 7]))
