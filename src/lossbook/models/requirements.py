"""Checks of what a network is built for: kind of output, shape of the input, widths and dropout."""

from __future__ import annotations

from collections.abc import Sequence

from lossbook.errors import refuse

GIVES = {
    "vector": "one vector per sample",
    "dense": "a vector for every pixel",
    "sequence": "a sequence of vectors",
}


def require_output(model: str, output: str, gives: str) -> None:
    """Check that the kind of output needed is the one that ``model`` gives; both are keys of ``GIVES``.

    Raises:
        UserError: they differ; it names the options that give ``output``.
    """
    assert output in GIVES, output
    if output != gives:
        other = {"vector": "model=cnn or model=mlp", "dense": "model=unet", "sequence": "model=crnn"}[output]
        raise refuse(f"model={model}", f"It gives {GIVES[gives]}, but the data's targets need {GIVES[output]}.", other)


def require_image(model: str, input_shape: Sequence[int]) -> tuple[int, int, int]:
    """Return the channels, height and width of images.

    Raises:
        UserError: the inputs are not images.
    """
    if len(input_shape) != 3:
        shape = " x ".join(map(str, input_shape))
        raise refuse(
            f"model={model}",
            f"It takes images (channels x height x width), but an input of this data has the shape {shape}.",
            "model=mlp, or data with images",
        )
    channels, height, width = input_shape
    return channels, height, width


def require_positive(model: str, key: str, widths: int | Sequence[int], *, empty: bool = False) -> None:
    """Check that the widths of layers are whole numbers >= 1, and that there are some unless ``empty``.

    Raises:
        UserError: they are not.
    """
    shown = list(widths) if isinstance(widths, Sequence) and not isinstance(widths, str) else widths
    listed = shown if isinstance(shown, list) else [shown]
    if (not listed and not empty) or any(type(width) is not int or width < 1 for width in listed):
        raise refuse(f"model.{key}={shown}", f"The widths of {model}'s layers must be whole numbers >= 1.")


def require_dropout(dropout: float, key: str = "dropout") -> None:
    """Check that a probability, ``key`` of the model, is in [0, 1).

    Raises:
        UserError: it is not.
    """
    if not 0 <= dropout < 1:
        raise refuse(f"model.{key}={dropout}", "Dropout must be a probability in [0, 1).", f"model.{key}=0.2")
