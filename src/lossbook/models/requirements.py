"""What a network refuses to be built for, and the network to take instead."""

from __future__ import annotations

from collections.abc import Sequence

from lossbook.errors import refuse

GIVES = {
    "vector": "one vector a sample",
    "dense": "a vector for every pixel",
    "sequence": "a sequence of vectors",
}


def require_output(model: str, output: str, gives: str) -> None:
    """Refuse another kind of output than ``gives``, for the option ``model``; both are keys of ``GIVES``.

    Raises:
        UserError: with the options that give ``output``.
    """
    assert output in GIVES, output
    if output != gives:
        other = {"vector": "model=cnn or model=mlp", "dense": "model=unet", "sequence": "model=crnn"}[output]
        raise refuse(f"model={model}", f"It gives {GIVES[gives]}, and the data's targets need {GIVES[output]}.", other)


def require_image(model: str, input_shape: Sequence[int]) -> tuple[int, int, int]:
    """The channels, height and width of an image's shape.

    Raises:
        UserError: the inputs are no images.
    """
    if len(input_shape) != 3:
        shape = " x ".join(map(str, input_shape))
        raise refuse(
            f"model={model}",
            f"It takes images (channels x height x width), and an input of this data has the shape {shape}.",
            "model=mlp, or data with images",
        )
    channels, height, width = input_shape
    return channels, height, width


def require_positive(model: str, key: str, widths: int | Sequence[int], *, empty: bool = False) -> None:
    """Refuse a layer's width that is no whole number from 1, and an empty list of widths unless ``empty``.

    Raises:
        UserError: names ``model.key``.
    """
    shown = list(widths) if isinstance(widths, Sequence) and not isinstance(widths, str) else widths
    listed = shown if isinstance(shown, list) else [shown]
    if (not listed and not empty) or any(type(width) is not int or width < 1 for width in listed):
        raise refuse(f"model.{key}={shown}", f"The widths of {model}'s layers are whole numbers from 1.")


def require_dropout(dropout: float) -> None:
    """Refuse a probability outside [0, 1).

    Raises:
        UserError: names ``model.dropout``.
    """
    if not 0 <= dropout < 1:
        raise refuse(f"model.dropout={dropout}", "Dropout is a probability from 0 to below 1.", "model.dropout=0.2")
