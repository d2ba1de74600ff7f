"""What is printed of an export: where it is, what it takes, its size and its speed beside PyTorch's."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lossbook.export.latency import median_ms
from lossbook.export.network import RawNetwork
from lossbook.export.samples import Samples
from lossbook.export.sizes import ImageSizes
from lossbook.export.trace import AXES
from lossbook.export.write import BATCHES, Written
from lossbook.training.summary import console

_SINGLE = ("32-true", "32")


def print_written(written: Written, network: RawNetwork, samples: Samples, precision: str) -> None:
    """Print a line each on file, sizes, check and another precision, and a table of megabytes and milliseconds.

    Args:
        written: the export.
        network: that it was made from.
        samples: inputs for both.
        precision: of the trainer, in which evaluate and predict run the checkpoint.
    """
    out = console()
    _row(out, "file", str(written.path))
    _row(out, "takes", _takes(written))
    _row(out, "checked", f"on {samples.origin}, as {', '.join(written.checked)}: differs by {written.difference:.1e}")
    if precision not in _SINGLE:
        said = f"float32; evaluate and predict run the checkpoint in {precision}, and differ from the file by rounding"
        _row(out, "numbers", said)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("", "PyTorch", written.form):
        table.add_column(name, justify="right" if name else "left")
    weights = sum(tensor.nbytes for tensor in network.state_dict().values())
    table.add_row("size", _megabytes(weights), _megabytes(written.path.stat().st_size))
    for size in BATCHES:
        batch = samples.batch(size, network.inputs)
        times = (f"{median_ms(run, batch):.3g} ms" for run in (network, written.run))
        table.add_row(f"batch of {size}", *times)
    out.print(table)


def _takes(written: Written) -> str:
    first = next(iter(written.graph.inputs.values()))
    sizes = "samples of " + written.checked[0].partition(" x ")[2]
    if written.sizes is None:
        return f"any number of {sizes}"
    if written.sizes is ImageSizes.FIXED:
        return f"any number of {sizes}; {written.fixed_by} takes no other height or width"
    free = " and ".join(f"{name}s" for name in AXES.values() if name in first.shape)
    steps = "" if written.sizes is ImageSizes.ANY else f" {written.sizes.value}"
    return f"any number of {sizes}, and larger {free}{steps}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.2f} MB"


def _row(out: Console, label: str, text: str) -> None:
    out.print(f"[dim]{label:<8}[/dim] {escape(text)}")
