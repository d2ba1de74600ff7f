"""Train on MNIST, as arrays and as PNG files in class folders, and on files of CIFAR-10; print accuracy and time.

    python benchmarks/known_images.py --mnist PATH          # the folder that torchvision takes as root
    python benchmarks/known_images.py --cifar10 PATH        # a folder with train/CLASS/IMAGE and test/CLASS/IMAGE

MNIST is trained with ``model=cnn`` and three seeds, CIFAR-10 with the defaults of ``data=image_folder`` and one. Each
run is a command of its own, whose time includes starting and testing. Settings were chosen on validation.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TRAIN = Path(__file__).parents[1] / "scripts" / "train.py"
MNIST = [
    "model=cnn", "optim=adamw", "optim.lr=0.005", "scheduler=one_cycle", "data.batch_size=128", "data.epochs=5",
    "data.augment=[{_target_: lossbook.data.augment.PadCrop, padding: 2}]",
]  # fmt: skip
SEEDS = (0, 1, 2)


def main() -> None:
    """Train on what is given, and print a line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mnist", type=Path, help="torchvision's root of MNIST")
    parser.add_argument("--cifar10", type=Path, help="folder of class folders")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lossbook-known-") as place:
        if options.mnist:
            measure("MNIST", ["data=mnist", f"data.root={options.mnist}", *MNIST], SEEDS)
            draw(options.mnist, Path(place) / "mnist")
            given = ["data=image_folder", f"data.root={Path(place) / 'mnist'}", "data.channels=1", *MNIST]
            measure("MNIST, PNG files", given, SEEDS)
        if options.cifar10:
            measure("CIFAR-10, files", ["data=image_folder", f"data.root={options.cifar10}"], SEEDS[:1])


def measure(name: str, given: list[str], seeds: tuple[int, ...]) -> None:
    """Print the accuracy and time of runs with these seeds."""
    found = []
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, str(TRAIN), *given, "trainer=cpu", f"seed={seed}", "hydra.run.dir=run"]
            start = time.perf_counter()
            subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
            seconds = time.perf_counter() - start
            metrics = json.loads((Path(folder) / "run" / "metrics.json").read_text())["metrics"]
        found.append((metrics["val/acc"], metrics["test/acc"], seconds))
        print(
            f"{name}, seed {seed}: val/acc {found[-1][0]:.4f}, test/acc {found[-1][1]:.4f}, {seconds:.0f} s", flush=True
        )
    print(f"{name}, mean: {in_words(*map(statistics.mean, zip(*found, strict=True)))}", flush=True)


def in_words(val: float, test: float, seconds: float) -> str:
    """Return the accuracies and the time of a run."""
    return f"val/acc {val:.4f}, test/acc {test:.4f}, {seconds:.0f} s"


def draw(root: Path, folder: Path) -> None:
    """Write MNIST as PNG files in folders of parts and classes."""
    from torchvision import datasets

    for part, train in (("train", True), ("test", False)):
        for number, (image, label) in enumerate(datasets.MNIST(str(root), train)):
            path = folder / part / str(label) / f"{number:05}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            image.save(path)


if __name__ == "__main__":
    main()
