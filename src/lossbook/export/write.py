"""Writing a network to a file of a format, checked against the checkpoint; nothing is left where it differs."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from lossbook.data.schema import Schema
from lossbook.errors import UserError, refuse
from lossbook.export.check import Run, largest_difference
from lossbook.export.formats import Format
from lossbook.export.network import RawNetwork
from lossbook.export.samples import Samples
from lossbook.export.sizes import STEP, ImageSizes, free_axes, probes
from lossbook.export.trace import Graph, traced

BATCHES = (1, 5)
Describe = Callable[[Graph, "ImageSizes | None", Sequence[str]], str]
"""(graph, which heights and widths it takes, the sizes of inputs at which that was checked) -> the metadata as JSON."""


@dataclass(frozen=True)
class Written:
    """A file that holds an exported network.

    Args:
        path: of the file.
        form: its format.
        sizes: which heights and widths it takes; None where inputs are no images.
        fixed_by: what takes no other ones, where it takes none.
        graph: what it holds.
        checked: the sizes of the inputs on which it was compared with the checkpoint.
        difference: the largest, relative to the larger of 1 and the output.
        run: the file's function.
    """

    path: Path
    form: str
    sizes: ImageSizes | None
    fixed_by: str
    graph: Graph
    checked: tuple[str, ...]
    difference: float
    run: Run


def write(
    path: Path, form: Format, network: RawNetwork, schema: Schema, samples: Samples, describe: Describe
) -> Written:
    """Write a network, with free heights and widths where both it and the format take them.

    Args:
        path: of the file; what is there is replaced.
        form: of the file.
        network: to be written.
        schema: of its data.
        samples: that file and network are compared on.
        describe: gives the metadata.

    Raises:
        UserError: the network cannot be traced, or the file gives something else than it.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        made = _written(beside, form, network, schema, samples, describe)
        with open(beside, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        given = f"output={path} could not be written: {error.strerror or error}."
        raise refuse(given, "Nothing is left behind.", "output=FILE, where there is room") from error
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
    return replace(made, path=path)


def _written(
    beside: Path, form: Format, network: RawNetwork, schema: Schema, samples: Samples, describe: Describe
) -> Written:
    """The file that takes the most sizes."""

    def checked(graph: Graph, sizes: ImageSizes | None, more: Sequence[Sequence[Tensor]] = ()) -> Written:
        batches = [*usual, *more]
        shapes = tuple(" x ".join(map(str, batch[0].shape)) for batch in batches)
        form.write(beside, graph, describe(graph, sizes, shapes))
        run = form.load(beside)
        difference = largest_difference(network, run, batches)
        return Written(beside, form.name, sizes, fixed_by, graph, shapes, difference, run)

    def resized(size: tuple[int, int]) -> Sequence[Tensor]:
        return samples.batch(BATCHES[-1], network.inputs, size)

    usual = [samples.batch(size, network.inputs) for size in BATCHES]
    shape, axes = schema.input_shape, free_axes(schema)
    tried = (ImageSizes.ANY, ImageSizes.STEPS) if axes else ()
    larger = {sizes: [*map(resized, probes(sizes, shape, axes))] for sizes in tried}
    taken = {sizes: batches for sizes, batches in larger.items() if all(map(network.takes, batches))}
    fixed_by = form.name if taken else "the network"
    if taken:
        other = resized((shape[1] + STEP * (2 in axes), shape[2] + 2 * STEP))
        with contextlib.suppress(UserError):
            graph = traced(network, usual[-1], other)
            for sizes, batches in taken.items():
                with contextlib.suppress(UserError):
                    return checked(graph, sizes, batches)
    return checked(traced(network, usual[-1]), ImageSizes.FIXED if axes else None)
