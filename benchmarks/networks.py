"""Take networks of torchvision and timm through train, predict and export, by the commands that a user types.

    python benchmarks/networks.py                        # all
    python benchmarks/networks.py resnet18 swin_t        # these alone

Each has random weights (of a file, so that outputs depend on the image from the start), and is trained for an epoch on
a few drawn images of 3 x 224 x 224 in two classes. It prints a line a network: seconds of training, rows of
predictions, the largest difference of each export from the checkpoint on the data, and of the probabilities that the
ONNX file predicts from the checkpoint's; then what becomes of images of 1 x 28 x 28. A network trains on these, or is
refused in words and trains on them resized (``data.image_size=224``).
Exits with 1 if anything fails.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["COLUMNS"] = "1000"  # lines of output stay whole

import numpy as np
import polars as pl
import torch
from export import TIMM, TORCHVISION, telling
from PIL import Image

from lossbook import console
from lossbook.models.timm_net import TimmNet
from lossbook.models.torchvision_net import TorchvisionNet

KEYS = {"torchvision": "arch", "timm": "name"}
NETWORKS = {
    "torchvision": (*TORCHVISION, "googlenet", "inception_v3", "maxvit_t"),
    "timm": (*TIMM, "coatnet_nano_rw_224", "maxvit_rmlp_pico_rw_256"),
}
CLASSES = ("dots", "stripes")
IMAGES = 4  # of each class in each part
TOLERANCE = 1e-4


class FailureError(Exception):
    """A command that failed, or gave something wrong."""


def draw(root: Path, channels: int, side: int) -> None:
    """Write images of noise with dots or stripes, in folders of parts and classes."""
    generator = np.random.default_rng(0)
    for part in ("train", "val", "test"):
        for name in CLASSES:
            folder = root / part / name
            folder.mkdir(parents=True)
            for number in range(IMAGES):
                pixels = generator.integers(0, 128, (side, side, channels), dtype=np.uint8)
                pixels[:: side // 7, :: side // 7 if name == "dots" else 1] += 127
                Image.fromarray(pixels.squeeze()).save(folder / f"{number}.png")


def weights(library: str, name: str, data: Path, path: Path) -> None:
    """Write random weights of a network, whose outputs depend on the image."""
    torch.manual_seed(0)
    shape, width = (3, 224, 224), len(CLASSES)
    net = TimmNet(shape, width, name=name) if library == "timm" else TorchvisionNet(shape, width, arch=name)
    files = sorted((data / "train").rglob("*.png"))
    images = torch.stack([torch.from_numpy(np.array(Image.open(one))).permute(2, 0, 1) for one in files]) / 255
    torch.save(telling(net, (images - 0.45) / 0.225).state_dict(), path)  # about data.normalise=imagenet


def said(*arguments: str) -> tuple[int, str]:
    """Run a command of Lossbook in this process; return its exit code and what it printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            code = console.main(arguments)
        except Exception:
            traceback.print_exc()
            code = -1
    return code, printed.getvalue()


def run(*arguments: str) -> str:
    """Run a command that must succeed; return what it printed."""
    code, printed = said(*arguments)
    if code:
        raise FailureError(f"lossbook {' '.join(arguments)}\n{printed}")
    return printed


def training(library: str, name: str, data: Path, folder: Path, *more: str) -> list[str]:
    """Return the arguments that train a network for an epoch."""
    network = [f"model={library}", f"model.{KEYS[library]}={name}"]
    given = ["data=image_folder", f"data.root={data}", "data.batch_size=4", "trainer=cpu", "trainer.max_epochs=1"]
    return ["train", *given, *network, *more, "logger=none", f"hydra.run.dir={folder}"]


def predicted(ckpt: Path, data: Path, output: Path) -> pl.DataFrame:
    """Return the predictions for the test part."""
    run("predict", f"ckpt={ckpt}", f"input={data / 'test'}", f"output={output}", "device=cpu")
    return pl.read_csv(output)


def exported(ckpt: Path, form: str, output: Path) -> float:
    """Export a run; return the difference that is printed."""
    printed = run("export", f"ckpt={ckpt}", f"format={form}", f"output={output}")
    found = re.search(r"differs by (\S+)", printed)
    if found is None or not float(found[1]) <= TOLERANCE:
        raise FailureError(f"format={form} states no difference within {TOLERANCE:g}:\n{printed}")
    return float(found[1])


def apart(table: pl.DataFrame, other: pl.DataFrame) -> float:
    """Return the largest difference between the probabilities of two tables of the same samples."""
    if table.columns != other.columns or not table["name"].equals(other["name"]):
        raise FailureError(f"the tables differ: {table}\n{other}")
    numbers = [name for name in table.columns if name == "confidence" or name.startswith("p_")]
    largest = float(np.abs(table.select(numbers).to_numpy() - other.select(numbers).to_numpy()).max())
    margin = np.abs(np.diff(table.select(numbers[1:]).to_numpy())).squeeze()
    if not largest <= TOLERANCE or (table["prediction"] != other["prediction"]).filter(margin > TOLERANCE).any():
        raise FailureError(f"predictions of the ONNX file differ by {largest:g}:\n{table}\n{other}")
    return largest


def colours(library: str, name: str, data: Path, folder: Path) -> str:
    """Take a network through all commands on 3 x 224 x 224, and return its row."""
    weights(library, name, data, folder / "weights.pt")
    given = ("data.image_size=224", f"model.weights={folder / 'weights.pt'}", "model.strict=all", "optim.lr=1e-5")
    start = time.perf_counter()
    run(*training(library, name, data, folder / "run", *given))
    seconds = time.perf_counter() - start
    table = predicted(folder / "run", data, folder / "predictions.csv")
    if len(table) != len(CLASSES) * IMAGES:
        raise FailureError(f"{len(table)} rows of predictions")
    if float(table["p_dots"].max() - table["p_dots"].min()) < 100 * TOLERANCE:  # type: ignore[operator]
        raise FailureError(f"all images are the same to it, which compares nothing:\n{table}")
    onnx = exported(folder / "run", "onnx", folder / "network.onnx")
    program = exported(folder / "run", "torch_export", folder / "network.pt2")
    difference = apart(table, predicted(folder / "network.onnx", data, folder / "of_onnx.csv"))
    return f"| {seconds:.0f} | {len(table)} | {onnx:.0e} | {program:.0e} | {difference:.0e}"


def greys(library: str, name: str, data: Path, folder: Path) -> str:
    """Train a network on 1 x 28 x 28, or on these resized where it refuses them, and return what came of it."""

    def attempt(side: int) -> tuple[int, str]:
        given = ("data.channels=1", "data.normalise=measured", f"data.image_size={side}")
        code, printed = said(*training(library, name, data, folder / f"run{side}", *given))
        if code == 0:
            predicted(folder / f"run{side}", data, folder / f"{side}.csv")
        elif code != 1 or "Traceback" in printed or (folder / f"run{side}").exists():
            raise FailureError(f"neither trained nor refused on 1 x {side} x {side}:\n{printed}")
        return code, printed

    code, printed = attempt(28)
    if code == 0:
        return "trains"
    words = " ".join(printed.split())
    code, printed = attempt(224)
    if code:
        raise FailureError(f"refused at both sizes:\n{words}\n{printed}")
    return f"trains at data.image_size=224; at 28: {words}"


def main(names: Sequence[str]) -> int:
    """Print the table, and return the exit code."""
    print("| network | train, s | rows | onnx | torch_export | predict from onnx | 1 x 28 x 28 |", flush=True)
    print("|---|---|---|---|---|---|---|", flush=True)
    failures = 0
    with tempfile.TemporaryDirectory(prefix="lossbook-networks-") as place:
        root = Path(place)
        draw(root / "colours", 3, 224)
        draw(root / "greys", 1, 28)
        for library, name in ((one, name) for one, listed in NETWORKS.items() for name in listed):
            if names and name not in names:
                continue
            with tempfile.TemporaryDirectory(dir=root) as folder:
                row = f"| {library}/{name} "
                try:
                    row += colours(library, name, root / "colours", Path(folder))
                    row += f" | {greys(library, name, root / 'greys', Path(folder))} |"
                except FailureError as error:
                    failures += 1
                    row += f"| failed: {error}"
            print(row, flush=True)
    print(f"{failures} failed" if failures else "none failed")
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
