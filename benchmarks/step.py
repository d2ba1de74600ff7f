"""Compare the time of an MNIST epoch of Lossbook, bare Lightning and a hand-written loop.

    python benchmarks/step.py --data PATH            # torchvision's folder of MNIST; generated data without it
    python benchmarks/step.py --data PATH --model cnn --rounds 3

One epoch is 55,000 training samples in batches of 64 and one pass over 5,000 validation samples, on one thread. The
contenders take turns, so that a machine that slows down affects all of them. It prints medians, ratios within the same
round, and the time of an epoch by package. ``--profile`` shows it by function; ``--startup`` compares the time from the
command to the first step with importing torch and lightning alone. ``--before CHECKOUT`` compares with another state of
the project: its epoch and this one's, in processes that take turns.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import lightning as L
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import lossbook
from lossbook.config.check import check
from lossbook.config.resolve import plain
from lossbook.config.resume import to_save
from lossbook.data.batch_order import BatchOrder
from lossbook.data.tensor_loader import TensorLoader
from lossbook.training.assemble import assemble
from lossbook.training.fit import make_trainer, quiet
from lossbook.training.lightning_internals import reduce_step_overhead
from lossbook.trust import OWN_CONFIG

BATCH = 64
PACKAGES = ("lossbook", "lightning", "torchmetrics", "torch", "tensorboard")
GPU_CHECK = "PYTORCH_NVML_BASED_CUDA_CHECK"  # set by Lightning; asks for the driver's library before every fused step
Parts = dict[str, tuple[Tensor, Tensor]]


@contextmanager
def mnist(root: str | None) -> Iterator[str]:
    """Return torchvision's folder of MNIST, or a temporary one of generated images of the same size and format."""
    if root is not None:
        yield root
        return
    with tempfile.TemporaryDirectory() as made:
        generate(Path(made) / "MNIST" / "raw")
        yield made


def generate(folder: Path) -> None:
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for part, samples in (("train", 60_000), ("t10k", 10_000)):
        images = generator.integers(0, 256, (samples, 28, 28), dtype=np.uint8)
        labels = generator.permutation(samples).astype(np.uint8) % 10
        for name, array in ((f"{part}-images-idx3-ubyte", images), (f"{part}-labels-idx1-ubyte", labels)):
            head = np.array([0x800 + array.ndim, *array.shape], dtype=">i4")
            (folder / name).write_bytes(head.tobytes() + array.tobytes())


def config(root: str, model: str) -> object:
    overrides = [
        "data=mnist",
        f"data.root={root}",
        f"model={model}",
        "model.dropout=0",
        "trainer=cpu",
        "trainer.max_epochs=1",
    ]
    return lossbook.compose(*overrides, f"data.batch_size={BATCH}")


class Lossbook:
    """What ``scripts/train.py data=mnist`` does between building and testing."""

    def __init__(self, root: str, model: str) -> None:
        self.config = config(root, model)
        self.values = plain(self.config)
        self.contract = check(self.values)

    def parts(self) -> Parts:
        """Return the same samples for the other contenders: scaled and normalised once, not timed."""
        data = assemble(self.values, self.contract, OWN_CONFIG).data
        return {
            name: (data.preparing.plain(dict(data.part(name)))["input"], data.part(name)["target"])
            for name in ("train", "val")
        }

    def network(self) -> nn.Module:
        return assemble(self.values, self.contract, OWN_CONFIG).module.model

    def __call__(self) -> float:
        assembly = assemble(self.values, self.contract, OWN_CONFIG)
        with tempfile.TemporaryDirectory() as folder, quiet():
            trainer = make_trainer(self.values, to_save(self.config), assembly, OWN_CONFIG)(Path(folder))
            reduce_step_overhead(trainer, assembly.module)
            start = time.perf_counter()
            trainer.fit(assembly.module, datamodule=assembly.data)
            return time.perf_counter() - start


class Bare(L.LightningModule):
    """The minimum that Lightning needs: no metrics, no logging."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        return F.cross_entropy(self.model(batch["input"]), batch["target"])

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        F.cross_entropy(self.model(batch["input"]), batch["target"])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), fused=True)


def bare(model: nn.Module, parts: Parts) -> float:
    loaders = [
        TensorLoader({"input": x, "target": y}, BatchOrder(len(x), BATCH, shuffle=name == "train"))
        for name, (x, y) in parts.items()
    ]
    off = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    os.environ[GPU_CHECK] = "1"  # as importing Lightning leaves it
    with quiet():
        trainer = L.Trainer(accelerator="cpu", max_epochs=1, num_sanity_val_steps=0, **off)
        start = time.perf_counter()
        trainer.fit(Bare(model), *loaders)
    return time.perf_counter() - start


def by_hand(model: nn.Module, parts: Parts, fused: bool | None) -> float:
    """A typical hand-written loop: shuffle, index, step; loss and accuracy are summed."""
    (x, y), (vx, vy) = parts["train"], parts["val"]
    os.environ.pop(GPU_CHECK, None)  # such a script does not import Lightning
    optimizer = torch.optim.Adam(model.parameters(), fused=fused)
    start = time.perf_counter()
    model.train()
    total, hits = torch.zeros(()), torch.zeros(())
    for rows in torch.randperm(len(x)).split(BATCH):
        output, target = model(x[rows]), y[rows]
        loss = F.cross_entropy(output, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.detach() * len(rows)
        hits += (output.argmax(1) == target).sum()
    model.eval()
    total, hits = torch.zeros(()), torch.zeros(())
    with torch.no_grad():
        for rows in torch.arange(len(vx)).split(BATCH):
            output = model(vx[rows])
            total += F.cross_entropy(output, vy[rows]) * len(rows)
            hits += (output.argmax(1) == vy[rows]).sum()
    return time.perf_counter() - start


def compare(root: str, model: str, rounds: int) -> None:
    ours = Lossbook(root, model)
    parts = ours.parts()
    contenders: dict[str, Callable[[], float]] = {
        "lossbook, everything on": ours,
        "lightning, bare, fused": lambda: bare(ours.network(), parts),
        "by hand, torch's default": lambda: by_hand(ours.network(), parts, None),
        "by hand, fused": lambda: by_hand(ours.network(), parts, True),
    }
    for name in ("lossbook, everything on", "by hand, fused"):  # warm up what is loaded on first use
        contenders[name]()
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            times[name].append(run())
    print(f"\n{model}, {rounds} rounds, {torch.get_num_threads()} thread(s), torch {torch.__version__}")
    print(f"{'':<28}{'median s':>9}{'lossbook takes':>18}")
    mine = times["lossbook, everything on"]
    for name, values in times.items():
        ratio = statistics.median(a / b for a, b in zip(mine, values, strict=True))
        print(f"{name:<28}{statistics.median(values):>9.3f}{ratio:>16.2f} x")
    shares(ours)


def shares(ours: Lossbook) -> None:
    """Print the time of an epoch by package, under a profiler that slows down Python but not kernels."""
    seconds: dict[str, float] = {}
    for (path, _, name), (_, _, own, _, _) in profiled(ours).stats.items():  # type: ignore[attr-defined]
        package = next((p for p in PACKAGES if f"/{p}/" in path), "the rest of Python")
        where = "torch's kernels and autograd" if path == "~" and "torch" in name else package
        seconds[where] = seconds.get(where, 0.0) + own
    whole = sum(seconds.values())
    print("\nwhere an epoch of Lossbook's goes (under a profiler, which makes Python slower)")
    for where, own in sorted(seconds.items(), key=lambda item: -item[1]):
        print(f"{where:<28}{own / whole:>9.0%}")


def profile(root: str, model: str) -> None:
    """Print the time of one epoch by function."""
    profiled(Lossbook(root, model)).sort_stats("tottime").print_stats(35)


def profiled(ours: Lossbook) -> pstats.Stats:
    """Profile the second epoch of two: the first one loads what is loaded on first use."""
    ours()
    with cProfile.Profile() as profiler:
        ours()
    return pstats.Stats(profiler)


EPOCH = """import sys, time
import lightning, lossbook
root, model, folder = sys.argv[1:]
class Clock(lightning.Callback):
    def on_train_epoch_start(self, trainer, module):
        self.start = time.perf_counter()
    def on_validation_end(self, trainer, module):
        self.seconds = time.perf_counter() - self.start
clock = Clock()
data = ["data=mnist", f"data.root={root}", f"model={model}", "data.batch_size=64"]
lossbook.train(lossbook.compose(*data, "trainer=cpu", "trainer.max_epochs=3", "seed=0"), folder, callbacks=[clock])
print("seconds", clock.seconds)
"""  # through what every state of the project has; the last epoch counts


def against(before: Path, root: str, model: str, rounds: int) -> None:
    """Compare an epoch, with its validation, with that of another checkout of the project."""
    checkouts = {"this": Path(__file__).resolve().parents[1], "before": before.resolve()}
    times: dict[str, list[float]] = {name: [] for name in checkouts}
    for number in range(rounds):
        for name in list(checkouts) if number % 2 else reversed(list(checkouts)):  # neither is always the first
            environment = {**os.environ, "PYTHONPATH": str(checkouts[name] / "src")}
            with tempfile.TemporaryDirectory() as folder:
                command = [sys.executable, "-c", EPOCH, str(Path(root).resolve()), model, f"{folder}/run"]
                done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, cwd=folder)
            times[name].append(float(done.stdout.split()[-1]))
    ratio = statistics.median(a / b for a, b in zip(times["this"], times["before"], strict=True))
    seconds = ", ".join(f"{name} {statistics.median(values):.3f} s" for name, values in times.items())
    print(f"an epoch of {model}, {rounds} pairs: {seconds}; median of the ratios {ratio:.3f}")


EMPTY = """import hydra
@hydra.main(config_path=None, version_base="1.3")
def main(config): pass
main()
"""


def startup(rounds: int) -> None:
    """Compare the time to the first step with the necessary imports, and ``--help`` with an empty program."""
    here = Path(__file__).resolve().parent
    script = str(here.parent / "scripts" / "train.py")
    environment = {**os.environ, "PYTHONPATH": str(here)}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "empty.py").write_text(EMPTY)
        commands = {
            "import torch, lightning": ["-c", "import os, torch, lightning; os._exit(0)"],
            "to the first step": [script, "+callbacks.stop={_target_:first_step.FirstStep}"],
            "an empty Hydra program": ["empty.py", "--help"],
            "--help": [script, "--help"],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(rounds + 1):  # the first is a warm-up
            for name, command in commands.items():
                start = time.perf_counter()
                subprocess.run(
                    [sys.executable, *command], cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL
                )
                times[name].append(time.perf_counter() - start)
    for base, other in (("import torch, lightning", "to the first step"), ("an empty Hydra program", "--help")):
        pairs = list(zip(times[base][1:], times[other][1:], strict=True))
        seconds = [statistics.median(values) for values in zip(*pairs, strict=True)]
        ratio = statistics.median(b / a for a, b in pairs)
        print(f"{base} {seconds[0]:.2f} s; {other} {seconds[1]:.2f} s, {ratio:.2f} times as long")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="torchvision's folder of MNIST")
    parser.add_argument("--model", default="mlp", choices=("mlp", "cnn"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--startup", action="store_true")
    parser.add_argument("--before", type=Path, help="another checkout, to compare with")
    given = parser.parse_args()
    if given.startup:
        startup(given.rounds)
    else:
        with mnist(given.data) as folder:
            if given.profile:
                profile(folder, given.model)
            elif given.before:
                against(given.before, folder, given.model, given.rounds)
            else:
                compare(folder, given.model, given.rounds)
