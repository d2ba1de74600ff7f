"""Exporting a checkpoint's network to a file that runs without Lossbook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lossbook.config.options import Options
from lossbook.errors import refuse
from lossbook.export import metadata
from lossbook.export.checkpoint import Trained, trained
from lossbook.export.formats import Format, format_of
from lossbook.export.network import RawNetwork
from lossbook.export.samples import Samples, samples_of
from lossbook.export.sizes import Claim
from lossbook.export.trace import Graph
from lossbook.export.write import BATCHES, Written, require_place, write
from lossbook.trust import Trust


def export(
    values: Mapping[str, Any],
    form: str = "onnx",
    output: Path | None = None,
    overwrite: bool = False,
    options: Options | None = None,
) -> tuple[Written, RawNetwork, Samples]:
    """Write the network of a checkpoint to a file, after comparing the two.

    Args:
        values: the checkpoint's config, resolved, as plain containers, with ``ckpt``.
        form: ``onnx`` or ``torch_export``.
        output: the file; beside the checkpoint by default.
        overwrite: whether a file that is there already is replaced.
        options: that could have been chosen, for errors.

    Returns:
        The file, the network that it holds, and the inputs that it was compared on.

    Raises:
        UserError: the checkpoint or the format cannot be used, or the file would give something else.
    """
    chosen = format_of(form)
    path = Path(values["ckpt"]).with_suffix(chosen.suffix) if output is None else output
    _require_name(path, chosen, overwrite)
    network_of = trained(values, options)
    network = RawNetwork(network_of.task, network_of.fitted, network_of.thresholds)
    samples = samples_of(values["data"], network_of.fitted, Trust.of(values), max(BATCHES))

    def describe(graph: Graph, claim: Claim | None, checked: Sequence[str]) -> str:
        about = metadata.about(graph, _values(network_of), "" if claim is None else claim.value, checked)
        return metadata.describe(network_of.fitted, network_of.heads, network_of.thresholds, about).text()

    return write(path, chosen, network, network_of.fitted.schema, samples, describe), network, samples


def _values(network: Trained) -> str:
    images = len(network.fitted.schema.input_shape) == 3 and network.fitted.schema.vocabulary is None
    return metadata.BYTES if images else metadata.AS_GIVEN


def _require_name(path: Path, chosen: Format, overwrite: bool) -> None:
    """Refuse a file of another format's name, and one that is there already."""
    if path.suffix != chosen.suffix:
        rule = f"A file of this format is called *{chosen.suffix}: by that, programs know what it is."
        raise refuse(f"output={path} with format={chosen.name}", rule, f"output={path.with_suffix(chosen.suffix)}")
    require_place(path)
    if path.exists() and not overwrite:
        raise refuse(f"output={path} is there already.", "Nothing is overwritten unasked.", "overwrite=true")
