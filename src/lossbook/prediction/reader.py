"""How a checkpoint reads new inputs; of an earlier version, as can be told from what it was fitted to."""

from __future__ import annotations

from lossbook.data.fitted import FittedData
from lossbook.data.reader import Reader
from lossbook.errors import refuse


def reader_of(fitted: FittedData, ckpt: str, source: str | None = None) -> Reader:
    """Return what reads new inputs for a network.

    Args:
        fitted: what its data was fitted to.
        ckpt: path of the checkpoint, for errors.
        source: ``data.source._target_`` of its config; None where that is not known.

    Raises:
        UserError: nothing tells how inputs are read.
    """
    if fitted.reader is not None:
        return fitted.reader
    shape = fitted.schema.input_shape
    if fitted.features is not None:
        from lossbook.data.tables.reader import TableReader

        return TableReader.of_features(fitted.features)
    if len(shape) == 3 and shape[0] in (1, 3) and fitted.schema.vocabulary is None:
        from lossbook.data.images.reader import ImageReader

        channels, height, width = shape
        folder = source is not None and source.endswith(".ImageFolder")
        return ImageReader(channels, (height, width)) if folder else ImageReader.of_shape(shape)
    raise refuse(
        f"ckpt={ckpt} takes inputs of shape {shape}.",
        "Its data does not say how such inputs are read from files: neither images nor a table.",
        "a source that gives Parts(reader=...), see lossbook.data.reader",
    )
