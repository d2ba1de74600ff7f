"""A convolutional recurrent network for lines of text (Shi, Bai and Yao, 2015, https://arxiv.org/abs/1507.05717)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lossbook.errors import refuse
from lossbook.models.blocks import conv_block
from lossbook.models.requirements import require_dropout, require_image, require_output, require_positive

STRIDE = 2  # columns of the image per time step


class CRNN(nn.Module):
    """Convolutions until the height is one, then a bidirectional LSTM.

    The output layer gets the features of the convolutions and of the LSTM: symbols are recognised mainly by their
    shape, and only then by their context.

    Args:
        input_shape: (channels, height, width) of the image of a line, at least 4 pixels high; narrower lines are
            padded on the right.
        output_size: width K of the output of each time step; there is one step for every two columns.
        output: must be ``sequence``.
        channels: of the three convolutions; a fourth, along the line, has as many as the third.
        hidden: width of the LSTM in each direction.
        dropout: probability of zeroing a value in training, after the third and the fourth convolution.

    Raises:
        UserError: the inputs are not images or too small, another kind of output is needed, or a hyperparameter is
            out of range.
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        output_size: int,
        output: str = "sequence",
        channels: Sequence[int] = (32, 64, 128),
        hidden: int = 32,
        dropout: float = 0.4,
    ) -> None:
        super().__init__()
        depth, height, width = require_image("crnn", input_shape)
        require_output("crnn", output, "sequence")
        require_positive("crnn", "channels", channels)
        require_positive("crnn", "hidden", hidden)
        require_dropout(dropout)
        if len(channels) != 3:
            rule = "model.channels must be three widths."
            raise refuse(f"model.channels={list(channels)}", rule, "model.channels=[32,64,128]")
        if height < 4 or width < STRIDE:
            raise refuse(
                "model=crnn", f"Lines must be at least 4 pixels high and 2 wide; these are {height} x {width}."
            )
        self.features = nn.Sequential(
            conv_block(depth, channels[0], (2, STRIDE)),
            conv_block(channels[0], channels[1], (2, 1)),
            nn.Conv2d(channels[1], channels[2], (height // 4, 3), padding=(0, 1), bias=False),  # the height becomes 1
            nn.Flatten(2),
            *_norm(channels[2], dropout),
            nn.Conv1d(channels[2], channels[2], 5, padding=2, bias=False),
            *_norm(channels[2], dropout),
        )
        # on the CPU torch's LSTM is faster than its GRU
        self.recurrent = nn.LSTM(channels[2], hidden, batch_first=True, bidirectional=True)
        self.head = nn.Linear(channels[2] + 2 * hidden, output_size)

    def forward(self, input: Tensor, input_lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map images of lines, and their widths, to the outputs of the time steps, and their numbers.

        Args:
            input: (N, C, H, W).
            input_lengths: (N,) width of each line in columns, clamped to 1..W; None for W.

        Returns:
            (N, W // 2, K), and (N,) int64 in 1..W // 2.
        """
        features = self.features(input).transpose(1, 2)
        outputs = self.head(torch.cat([features, self.recurrent(features)[0]], 2))
        steps = outputs.shape[1]
        if input_lengths is None:
            return outputs, torch.full((outputs.shape[0],), steps, device=outputs.device)
        return outputs, (-(-input_lengths // STRIDE)).clamp(1, steps)


def _norm(width: int, dropout: float) -> tuple[nn.Module, ...]:
    return nn.BatchNorm1d(width), nn.ReLU(inplace=True), nn.Dropout(dropout)
