"""Export networks of torchvision and timm with random weights, in both formats: python benchmarks/export.py

Each takes images of 3 x 224 x 224 and gives ten classes. An export is compared with the network at two batch sizes and,
where heights and widths are free, at other sizes; the table says to what, with sizes of files and times of one image on
one thread. Names of networks as arguments export these alone. About ten minutes for all.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from lossbook import compose
from lossbook.config.resolve import plain
from lossbook.data.fitted import FittedData
from lossbook.data.schema import Schema
from lossbook.errors import UserError
from lossbook.export import metadata
from lossbook.export.formats import FORMATS
from lossbook.export.latency import median_ms
from lossbook.export.network import RawNetwork
from lossbook.export.samples import random_samples
from lossbook.export.write import write
from lossbook.losses.bind import bind_terms
from lossbook.losses.reading import read
from lossbook.tasks.supervised import Supervised
from lossbook.tasks.task import heads_of

TORCHVISION = (
    "convnext_tiny", "densenet121", "efficientnet_b0", "mnasnet0_5", "mobilenet_v3_small", "regnet_y_400mf",
    "resnet18", "shufflenet_v2_x1_0", "squeezenet1_1", "swin_t", "vgg11", "vit_b_32",
)  # fmt: skip
TIMM = (
    "convnext_atto", "deit_tiny_patch16_224", "edgenext_xx_small", "efficientnet_lite0", "ghostnet_100", "levit_128s",
    "mixer_s32_224", "mobilenetv3_small_100", "mobilevit_xxs", "regnetx_002", "resnet18d",
    "swin_tiny_patch4_window7_224",
)  # fmt: skip
SHAPE = (3, 224, 224)
CLASSES = 10


def networks(names: list[str]) -> Iterator[tuple[str, nn.Module]]:
    """Build the networks of both libraries by ``library/name``, or those that are named."""
    import timm
    import torchvision

    for name in TORCHVISION:
        if not names or name in names:
            yield f"torchvision/{name}", torchvision.models.get_model(name, weights=None, num_classes=CLASSES)
    for name in TIMM:
        if not names or name in names:
            yield f"timm/{name}", timm.create_model(name, num_classes=CLASSES)


def telling(model: nn.Module, images: torch.Tensor) -> nn.Module:
    """Have a network of random weights give outputs that depend on its input: otherwise any export would seem right.

    Parameters near zero, of heads and layer scales, are drawn anew; statistics of batch norm are those of the images;
    the output layer is scaled for outputs that differ between them by about one.
    """
    for parameter in model.parameters():
        if float(parameter.detach().abs().max()) < 1e-4:
            nn.init.normal_(parameter, std=0.1)
    norms = [one for one in model.eval().modules() if isinstance(one, _BatchNorm)]
    momenta = [one.momentum for one in norms]
    for one in norms:
        one.reset_running_stats()
        one.momentum = 1.0
        one.train()
    with torch.no_grad():
        output = [one for one in model.modules() if isinstance(one, (nn.Linear, nn.Conv2d))][-1]
        output.weight /= model(images).std(0).mean()
    for one, momentum in zip(norms, momenta, strict=True):
        one.momentum = momentum
    return model.eval()


def exported(model: nn.Module, form: str, folder: Path) -> str:
    """Export a network and return the rest of its row."""
    schema = Schema("class", SHAPE, 100, classes=CLASSES, class_counts=(10,) * CLASSES)
    contract = read("cross_entropy", plain(compose("loss=cross_entropy"))["loss"])
    terms = bind_terms(contract, schema)
    normalise = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    fitted = FittedData(schema, normalise, None, {"train": 100, "val": 0, "test": 0}, None)
    network = RawNetwork(Supervised(model, terms), fitted)
    heads = {name: (contract, objective) for name, objective in heads_of(terms).items()}
    samples = random_samples(schema, 4)
    chosen = FORMATS[form]
    start = time.perf_counter()
    try:
        written = write(
            folder / f"network{chosen.suffix}", chosen, network, schema, samples,
            lambda graph, sizes, checked: metadata.describe(
                fitted, heads, {}, metadata.about(graph, schema, sizes, checked)
            ).text(),
        )  # fmt: skip
    except UserError as error:
        return f"| refused: {error.problems[0].rule} | | | | |"
    seconds = time.perf_counter() - start
    one = samples.batch(1, network.inputs)
    times = f"{median_ms(network, one):.1f} | {median_ms(written.run, one):.1f}"
    taken = written.sizes.value if written.sizes else "-"
    size = written.path.stat().st_size / 1e6
    return f"| {taken} | {written.difference:.0e} | {size:.1f} | {times} | {seconds:.0f} |"


def main() -> None:
    torch.set_num_threads(1)
    print("| network | format | height, width | difference | MB | ms, PyTorch | ms, export | s, export and check |")
    print("|---|---|---|---|---|---|---|---|")
    torch.manual_seed(0)
    for name, model in networks(sys.argv[1:]):
        telling(model, torch.randn(8, *SHAPE))
        for form in FORMATS:
            with tempfile.TemporaryDirectory() as folder:
                print(f"| {name} | {form} {exported(model, form, Path(folder))}", flush=True)


if __name__ == "__main__":
    main()
