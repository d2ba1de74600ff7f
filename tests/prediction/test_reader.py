from __future__ import annotations

from typing import Any

import pytest

from lossbook.data.fitted import FittedData
from lossbook.data.images.reader import ImageReader
from lossbook.data.schema import Schema
from lossbook.data.source import Features
from lossbook.errors import UserError
from lossbook.prediction.reader import reader_of


def fitted(shape: tuple[int, ...], **more: Any) -> FittedData:
    schema = Schema("class", shape, 10, classes=2, vocabulary=more.pop("vocabulary", None))
    return FittedData(schema, None, more.pop("features", None), {}, None, **more)


def test_a_checkpoint_says_how_inputs_are_read() -> None:
    own = ImageReader(3, (8, 8), resize="squash")
    assert reader_of(fitted((3, 8, 8), reader=own), "a.ckpt") is own


def test_an_earlier_checkpoint_has_the_shape_of_images_or_the_columns_of_a_table() -> None:
    assert reader_of(fitted((1, 8, 9)), "a.ckpt") == ImageReader(1, (8, 9), resize="pad")
    folder = "lossbook.data.images.folder.ImageFolder"
    assert reader_of(fitted((1, 8, 8)), "a.ckpt", folder) == ImageReader(1, (8, 8), resize="crop")
    found: Any = reader_of(fitted((2,), features=Features(("x", "z"), (0.0, 1.0), (1.0, 2.0))), "a.ckpt")
    assert found.names == ("x", "z")


@pytest.mark.parametrize(("shape", "more"), [((16,), {}), ((5, 8, 8), {}), ((3, 8, 8), {"vocabulary": 9})])
def test_other_inputs_are_refused(shape: tuple[int, ...], more: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="does not say how such inputs are read"):
        reader_of(fitted(shape, **more), "a.ckpt")
