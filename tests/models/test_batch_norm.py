from __future__ import annotations

import pytest
import torch
from torch import nn

from lossbook.errors import UserError
from lossbook.models.batch_norm import require_statistics
from lossbook.models.cnn import CNN
from lossbook.models.crnn import CRNN
from lossbook.models.mlp import MLP
from lossbook.models.unet import UNet


@pytest.mark.parametrize(
    ("model", "shape", "inputs", "fits"),
    [
        (MLP((30,), 2), (30,), 1, False),
        (MLP((30,), 2), (30,), 2, True),
        (MLP((30,), 2, batch_norm=False), (30,), 1, True),
        (MLP((30,), 2, hidden=[]), (30,), 1, True),
        (CNN((1, 8, 8), 2), (1, 8, 8), 1, True),
        (CNN((1, 1, 1), 2), (1, 1, 1), 1, False),
        (UNet((1, 4, 4), 2, channels=[4, 4]), (1, 4, 4), 1, True),
        (UNet((1, 4, 4), 2, channels=[4, 4, 4]), (1, 4, 4), 1, False),  # one pixel on the lowest level
        (CRNN((1, 4, 2), 2), (1, 4, 2), 1, False),  # one step
        (CRNN((1, 4, 4), 2), (1, 4, 4), 1, True),
    ],
)
def test_it_is_refused_exactly_where_torch_fails(
    model: nn.Module, shape: tuple[int, ...], inputs: int, fits: bool
) -> None:
    before, random = {name: value.clone() for name, value in model.state_dict().items()}, torch.get_rng_state()
    if fits:
        require_statistics(model, shape, inputs)
    else:
        with pytest.raises(UserError, match=r"(?s)at least two samples.*data.batch_size=2.*model.batch_norm=false"):
            require_statistics(model, shape, inputs)
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    if fits:
        model(torch.randn(inputs, *shape))
    else:
        with pytest.raises(ValueError, match="Expected more than 1 value per channel"):
            model(torch.randn(inputs, *shape))


def test_other_errors_of_a_network_are_left_to_training() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm1d(3)

        def forward(self, input: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("no zeros, please")

    require_statistics(Odd(), (3,), 1)
