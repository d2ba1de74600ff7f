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
from lossbook.export.sizes import STEP, Claim, free_axes, probes
from lossbook.export.trace import Graph, traced

BATCHES = (1, 5)


@dataclass(frozen=True)
class Written:
    """A file that holds an exported network.

    Args:
        path: of the file.
        claim: which heights and widths it takes; None where inputs are no images.
        checked: the sizes of the inputs on which it was compared with the checkpoint.
        difference: the largest, relative to the larger of 1 and the output.
        run: the file's function.
    """

    path: Path
    claim: Claim | None
    checked: tuple[str, ...]
    difference: float
    run: Run


Describe = Callable[[Graph, "Claim | None", Sequence[str]], str]  # -> the metadata, as JSON


def write(
    path: Path, form: Format, network: RawNetwork, schema: Schema, samples: Samples, describe: Describe
) -> Written:
    """Write a network, with free heights and widths where both it and the format take them.

    Raises:
        UserError: the network cannot be traced, or the file gives something else than it.
    """
    require_place(path)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        made = _written(beside, form, network, schema, samples, describe)
        with open(beside, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        fix = "free disk space, or another output=FILE"
        raise refuse(f"output={path} could not be written: {error.strerror or error}.", "", fix) from error
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
    return replace(made, path=path)


def _written(
    beside: Path, form: Format, network: RawNetwork, schema: Schema, samples: Samples, describe: Describe
) -> Written:
    """The file with the widest claim that holds."""
    axes, shape = free_axes(schema), schema.input_shape
    usual = [samples.batch(size, network.inputs) for size in BATCHES]
    claims = {claim: [samples.batch(2, network.inputs, size) for size in probes(claim, shape, axes)]
              for claim in (Claim.ANY, Claim.STEPS)} if axes else {}  # fmt: skip
    claims = {claim: batches for claim, batches in claims.items() if all(_takes(network, batch) for batch in batches)}
    if claims:
        grown = (shape[1] + STEP * (2 in axes), shape[2] + 2 * STEP)
        with contextlib.suppress(UserError):
            graph = traced(network, usual[-1], samples.batch(BATCHES[-1], network.inputs, grown))
            for claim, batches in claims.items():
                with contextlib.suppress(UserError):
                    return _checked(beside, form, network, graph, claim, [*usual, *batches], describe)
    graph = traced(network, usual[-1])
    return _checked(beside, form, network, graph, Claim.FIXED if len(shape) == 3 else None, usual, describe)


def _checked(
    beside: Path,
    form: Format,
    network: RawNetwork,
    graph: Graph,
    claim: Claim | None,
    batches: Sequence[Sequence[Tensor]],
    describe: Describe,
) -> Written:
    sizes = tuple(" x ".join(map(str, batch[0].shape)) for batch in batches)
    form.write(beside, graph, describe(graph, claim, sizes))
    run = form.load(beside)
    return Written(beside, claim, sizes, largest_difference(network, run, batches), run)


def _takes(network: RawNetwork, batch: Sequence[Tensor]) -> bool:
    """Whether the network itself takes inputs of this size."""
    try:
        network.named(batch)
    except Exception:  # of torch or of its own code, of any class
        return False
    return True


def require_place(path: Path) -> None:
    """Check that a file can be written.

    Raises:
        UserError: there is no such folder, or it is none.
    """
    if path.is_dir():
        raise refuse(f"output={path} is a folder.", "output must be a file.", f"output={path / 'model.onnx'}")
    if not path.parent.is_dir():
        raise refuse(f"output={path}", f"There is no folder {path.parent}.", f"mkdir -p {path.parent}")
