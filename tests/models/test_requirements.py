from __future__ import annotations

from typing import Any

import pytest

from lossbook.errors import UserError
from lossbook.models.requirements import GIVES, require_image, require_output, require_positive
from lossbook.targets import KINDS


def test_every_kind_of_output_that_data_needs_is_known() -> None:
    needed = {KINDS[target].output for target in ("class", "mask", "text")}
    assert needed == set(GIVES)


def test_the_error_names_what_is_needed_and_who_gives_it() -> None:
    with pytest.raises(UserError) as error:
        require_output("cnn", "dense", "vector")
    assert "a vector for every pixel" in str(error.value)
    assert "Fix: model=unet" in str(error.value)


def test_an_image_has_three_dimensions() -> None:
    assert require_image("cnn", [3, 4, 5]) == (3, 4, 5)
    with pytest.raises(UserError, match="has the shape 8 x 8"):
        require_image("cnn", (8, 8))


@pytest.mark.parametrize("widths", [0, -1, [3, 0], [], 2.5, [2.5], ["wide"]])
def test_widths_are_whole_numbers_from_one(widths: Any) -> None:
    with pytest.raises(UserError, match=r"model\.hidden="):
        require_positive("mlp", "hidden", widths)


def test_no_layers_where_that_makes_sense() -> None:
    require_positive("mlp", "hidden", [], empty=True)
