"""Exporting a checkpoint's network to a file that runs without Lossbook."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossbook.collector import paused_collector
from lossbook.config.options import Options
from lossbook.config.resolve import plain
from lossbook.errors import Problem, UserError, nearest, refuse

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from lossbook.export.sizes import ImageSizes
    from lossbook.export.trace import Graph

SUFFIXES = {"onnx": ".onnx", "torch_export": ".pt2"}


def export(
    config: DictConfig,
    form: str = "onnx",
    output: Path | None = None,
    overwrite: bool = False,
    options: Options | None = None,
) -> dict[str, Any]:
    """Write the network of ``config.ckpt`` to a file, once it is known to give what the checkpoint gives.

    Args:
        config: from ``lossbook.compose("ckpt=PATH")``; another ``data.root`` is where samples to compare on lie.
        form: ``onnx`` or ``torch_export``.
        output: the file; beside the checkpoint by default.
        overwrite: whether a file that is there already is replaced.
        options: that could have been chosen, for errors; None: those of our ``conf``.

    Returns:
        ``output``, the ``sizes`` of images that it takes, and the ``difference``.

    Raises:
        UserError: the checkpoint or the format cannot be used, or the file would give something else.
    """
    values = plain(config)
    if values.get("ckpt") is None:
        raise refuse("ckpt is not given.", "An export needs a checkpoint.", "ckpt=outputs/.../checkpoints/best.ckpt")
    path = _place(Path(values["ckpt"]), form, output, overwrite)
    with paused_collector():
        from lossbook.checkpoints.read import ENTRY, read
        from lossbook.export import metadata
        from lossbook.export.checkpoint import trained
        from lossbook.export.formats import format_of
        from lossbook.export.network import RawNetwork
        from lossbook.export.samples import samples_of
        from lossbook.export.summary import print_written
        from lossbook.export.write import BATCHES, write
        from lossbook.trust import Trust
    saved = read(values["ckpt"])[ENTRY]["config"]
    _refuse_without_effect(values["overrides"][len(saved.get("overrides") or ()) :])
    chosen = format_of(form)
    checkpoint = trained(values, options)
    fitted = checkpoint.fitted
    network = RawNetwork(checkpoint.task, fitted, checkpoint.thresholds)
    samples = samples_of(values["data"], fitted, Trust.of(values), max(BATCHES))

    def describe(graph: Graph, sizes: ImageSizes | None, checked: Sequence[str]) -> str:
        return metadata.describe(
            fitted, checkpoint.heads, checkpoint.thresholds, metadata.about(graph, fitted.schema, sizes, checked)
        ).text()

    written = write(path, chosen, network, fitted.schema, samples, describe)
    print_written(written, network, samples, str(values["trainer"].get("precision", "32-true")))
    sizes = None if written.sizes is None else written.sizes.value
    return {"output": str(path), "sizes": sizes, "difference": written.difference}


def _place(ckpt: Path, form: str, output: Path | None, overwrite: bool) -> Path:
    """The file to write, where that is allowed."""
    if form not in SUFFIXES:
        near = nearest(form, SUFFIXES) or next(iter(SUFFIXES))
        raise refuse(f"format={form}", f"The formats are {', '.join(SUFFIXES)}.", f"format={near}")
    suffix = SUFFIXES[form]
    path = ckpt.with_suffix(suffix) if output is None else output
    if path.is_dir():
        fix = shlex.quote(f"output={path / ('model' + suffix)}")
        raise refuse(f"output={path} is a folder.", "output must be a file.", fix)
    if path.suffix != suffix:
        fix = shlex.quote(f"output={path.with_suffix(suffix)}")
        other = next((name for name, one in SUFFIXES.items() if one == path.suffix), None)
        rule = f"The name of such a file ends in {suffix}, by which programs know it."
        raise refuse(f"output={path} with format={form}", rule, f"{fix}{f' or format={other}' if other else ''}")
    if not path.parent.is_dir():
        raise refuse(
            f"output={path}", f"There is no folder {path.parent}.", f"mkdir -p {shlex.quote(str(path.parent))}"
        )
    if path.exists() and not overwrite:
        raise refuse(f"output={path} is there already.", "Nothing is overwritten unasked.", "overwrite=true")
    return path


def _refuse_without_effect(on_top: Sequence[str]) -> None:
    """Refuse arguments that would change what was trained, or have no effect."""
    keys = {argument: argument.lstrip("+~").partition("=")[0] for argument in on_top}
    rule = "A checkpoint is exported as it was trained; only where its data lies may change."
    wrong = [one for one, key in keys.items() if key not in ("trust", "data.root", "data.source.root")]
    if wrong:
        raise UserError(*(Problem(one, rule, f"remove {one}") for one in wrong))
