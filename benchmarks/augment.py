"""Compare the speed of augmentation by name with torchvision's v2 transforms, applied sample by sample.

    python benchmarks/augment.py
    python benchmarks/augment.py --sizes 64 --rounds 7

Each preset augments batches of 64 images of 3 x 64 x 64 and of 3 x 224 x 224, in [0, 1], on one thread; so do the
transforms that a user would write in its place, called once an image. Both take turns, so that a machine that slows
down affects both. It prints images per second, medians, and their ratio.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch import Tensor, nn
from torchvision.transforms import v2

import lossbook
from lossbook.build import build
from lossbook.config.resolve import plain
from lossbook.data.mixing import Mixing
from lossbook.data.preparing import Preparing
from lossbook.trust import OWN_CONFIG

PRESETS = ("light", "strong", "randaugment", "trivial", "simclr")


def theirs(preset: str, side: int) -> Callable[[Tensor], Tensor]:
    """What one would write with torchvision."""
    bilinear = v2.InterpolationMode.BILINEAR
    flip = v2.RandomHorizontalFlip()
    blur = v2.GaussianBlur(max(3, side // 20 * 2 + 1), (0.0005 * side, 0.009 * side))
    transforms: dict[str, list[nn.Module]] = {
        "light": [flip, v2.RandomCrop(side, padding=side // 8)],
        "strong": [
            v2.RandomResizedCrop(side, (0.3, 1.0)),
            flip,
            v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], 0.8),
            v2.RandomErasing(0.25),
        ],
        "randaugment": [v2.RandAugment(2, 9, interpolation=bilinear)],
        "trivial": [v2.TrivialAugmentWide(interpolation=bilinear)],
        "simclr": [
            v2.RandomResizedCrop(side, (0.08, 1.0)),
            flip,
            v2.RandomApply([v2.ColorJitter(0.8, 0.8, 0.8, 0.2)], 0.8),
            v2.RandomGrayscale(0.2),
            v2.RandomApply([blur], 0.5),
        ],
    }
    each = v2.Compose(transforms[preset])
    return lambda images: torch.stack([each(image) for image in images])


def ours(preset: str) -> Callable[[Tensor], Tensor]:
    """The modules of ``augment=preset``."""
    nodes = plain(lossbook.compose(f"augment={preset}"))["data"]["augment"]
    preparing = Preparing(augment=[build(node, key="data.augment", trust=OWN_CONFIG) for node in nodes])
    return lambda images: preparing.training({"input": images})["input"]


def rates(contenders: dict[str, Callable[[Tensor], Tensor]], images: Tensor, rounds: int) -> dict[str, float]:
    """Images per second of each contender, the median of rounds in which they take turns."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for one in range(rounds + 1):
        for name, augment in contenders.items():
            start = time.perf_counter()
            augment(images)
            if one:  # the first round warms up
                seconds[name].append(time.perf_counter() - start)
    return {name: len(images) / statistics.median(taken) for name, taken in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 224], help="sides of the images")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f"{'':>12} {'images':>13} {'lossbook':>10} {'torchvision':>12} {'ratio':>6}   (images per second)")
    for side in args.sizes:
        images = torch.rand(args.batch, 3, side, side)
        for preset in PRESETS:
            found = rates({"ours": ours(preset), "theirs": theirs(preset, side)}, images, args.rounds)
            ratio = found["ours"] / found["theirs"]
            print(f"{preset:>12} {f'3x{side}x{side}':>13} {found['ours']:10,.0f} {found['theirs']:12,.0f} {ratio:6.2f}")
        for key in ("mixup", "cutmix"):
            mixing = Mixing(**{key: 1.0})
            found = rates({"ours": lambda batch, mixing=mixing: mixing({"input": batch})}, images, args.rounds)
            print(f"{key:>12} {f'3x{side}x{side}':>13} {found['ours']:10,.0f}")


if __name__ == "__main__":
    main()
