"""A run that was killed and resumed ends bit for bit as one that never was, from every checkpoint that it wrote."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import pytest
import torch
from lightning.pytorch.loggers.logger import DummyLogger
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import Tensor, nn
from torch.nn import functional as F

from lossbook.checkpoints.read import AtomicCheckpointIO, read
from lossbook.data.batch_order import BatchOrder
from lossbook.data.tensor_loader import TensorLoader
from lossbook.optim.schedules.length import length_of
from lossbook.optim.schedules.plateau import Plateau
from lossbook.training.callbacks.checkpoints import Checkpoints
from lossbook.training.callbacks.record import Record

BATCHES = 7
STATES = ("state_dict", "optimizer_states", "lr_schedulers", "global_step", "epoch", "sums")
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning", "ignore:.*does not have many workers")


def loader(seed: int, size: int, shuffle: bool) -> TensorLoader:
    x = torch.randn(size, 6, generator=torch.Generator().manual_seed(seed))
    return TensorLoader({"input": x, "target": (x.sum(1) > 0).long()}, BatchOrder(size, 4, shuffle, seed))


class Module(lightning.LightningModule):
    """Dropout, batch norm, augmentation from three generators, sums over the epoch; it writes down all that happens."""

    primary = ("val/acc", "max")

    def __init__(self, scheduler: str, signal_at: tuple[int, signal.Signals] | None = None) -> None:
        super().__init__()
        self.signal_at = signal_at
        self.net = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 2))
        self.scheduler = scheduler
        self.loss_sum, self.count = torch.zeros(()), 0
        self.val_loss: list[Tensor] = []
        self.events: list[Any] = []

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.AdamW(self.parameters(), lr=0.05)
        if self.scheduler == "step":
            assert self.trainer.estimated_stepping_batches > 0  # sets the loader up before a checkpoint is restored
            schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 15)
            return [optimizer], [{"scheduler": schedule, "interval": "step"}]
        if self.scheduler == "epoch":
            return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)]
        plateau = Plateau(optimizer, length_of(self.trainer), "val/loss", patience=0, factor=0.5, threshold=0.5)
        return [optimizer], [{"scheduler": plateau, "interval": "step"}]

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        if self.trainer.training:
            noise = 0.1 * torch.randn_like(batch["input"]) + 0.1 * float(np.random.rand())
            batch = {**batch, "input": batch["input"] + noise}
        return batch

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        loss = F.cross_entropy(self.net(batch["input"]), batch["target"])
        self.loss_sum = self.loss_sum + loss.detach()
        self.count += 1
        lr = self.trainer.optimizers[0].param_groups[0]["lr"]
        if self.signal_at is not None and self.global_step == self.signal_at[0]:
            os.kill(os.getpid(), self.signal_at[1])
        self.events.append(("train", self.current_epoch, batch_idx, self.global_step, lr, loss.item()))
        return loss

    def on_train_epoch_end(self) -> None:
        mean = self.loss_sum / self.count
        self.loss_sum, self.count = torch.zeros(()), 0
        self.log("train/loss", mean)
        self.events.append(("epoch", self.current_epoch, self.global_step, mean.item()))

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        noise = torch.rand(()) * 0.01  # a validation may draw, too: two views, for one
        self.val_loss.append(F.cross_entropy(self.net(batch["input"] + noise), batch["target"]))

    def on_validation_epoch_end(self) -> None:
        loss = torch.stack(self.val_loss).mean()
        self.val_loss = []
        self.log_dict({"val/loss": loss, "val/acc": -loss.round(decimals=1)})
        if self.trainer.sanity_checking:
            return
        if self.scheduler == "plateau":
            self.trainer.lr_scheduler_configs[0].scheduler.observe({"val/loss": loss.item()})
        self.events.append(("validation", self.current_epoch, self.global_step, loss.item()))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["sums"] = {"loss": self.loss_sum, "count": self.count}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.loss_sum, self.count = checkpoint["sums"]["loss"], checkpoint["sums"]["count"]


class Curves(DummyLogger):
    """Keeps what would be drawn, with its place on the axis."""

    def __init__(self) -> None:
        super().__init__()
        self.points: list[Any] = []

    def log_metrics(self, metrics: dict[str, float], step: int) -> None:  # type: ignore[override]
        self.points.append((step, dict(metrics)))


class KeepAll(AtomicCheckpointIO):
    """Also keeps a copy of every file it writes, and how much had happened by then."""

    def __init__(self, folder: Path, module: Module) -> None:
        self.folder, self.module, self.kept = folder, module, []
        self.folder.mkdir()

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        super().save_checkpoint(checkpoint, path)
        copy = self.folder / f"{len(self.kept)}_{Path(path).name}"
        shutil.copy(path, copy)
        self.kept.append((copy, len(self.module.events)))


def run(
    folder: Path,
    scheduler: str,
    ckpt: Path | None = None,
    seed: int = 1,
    every_n_steps: int | None = 1,
    signal_at: tuple[int, signal.Signals] | None = None,
    **options: Any,
) -> tuple[lightning.Trainer, Module, Curves, KeepAll]:
    lightning.seed_everything(seed, verbose=False)
    folder.mkdir(exist_ok=True)
    module, curves = Module(scheduler, signal_at), Curves()
    torch.rand(3)  # a resumed program may have drawn other numbers by now
    files = KeepAll(folder / "copies", module)
    trainer = lightning.Trainer(
        **{"max_epochs": 3, "num_sanity_val_steps": 0, **options},
        accelerator="cpu",
        logger=curves,
        log_every_n_steps=1,
        default_root_dir=folder,
        plugins=[files],
        callbacks=[Checkpoints(every_n_steps=every_n_steps), Record({"config": {"seed": seed}})],
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, loader(1, 4 * BATCHES, True), loader(2, 8, False), ckpt_path=ckpt)
    return trainer, module, curves, files


def same(left: Any, right: Any) -> bool:
    if isinstance(left, Tensor):
        return torch.equal(left, right)
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(v, right[k]) for k, v in left.items())
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return left == right


CASES = {
    "schedule per step": ("step", {}),
    "schedule per epoch": ("epoch", {}),
    "plateau": ("plateau", {}),
    "sanity check": ("epoch", {"num_sanity_val_steps": 1}),
    "accumulated gradients": ("step", {"accumulate_grad_batches": 3}),
    "validation within the epoch": ("epoch", {"val_check_interval": 3}),
    "validation every other epoch": ("epoch", {"check_val_every_n_epoch": 2}),
    "fewer batches": ("step", {"limit_train_batches": 5}),
    "a number of steps": ("step", {"max_epochs": -1, "max_steps": 17}),
    "steps and epochs": ("step", {"max_epochs": 3, "max_steps": 100}),
}


@pytest.mark.parametrize("case", list(CASES))
def test_every_checkpoint_of_a_run_goes_on_bit_for_bit(case: str, tmp_path: Path) -> None:
    scheduler, options = CASES[case]
    _, whole, curves, files = run(tmp_path / "whole", scheduler, **options)
    # from within the first epoch, its end, and into the second: what comes later is more of the same
    early = [(path, events) for path, events in files.kept if read(path)["global_step"] <= BATCHES + 2]
    assert len(early) >= 4
    for number, (path, events) in enumerate([*early, files.kept[-1]]):
        folder = tmp_path / f"resumed_{number}"
        trainer, module, points, _ = run(folder, scheduler, ckpt=path, seed=5, every_n_steps=None, **options)
        where = f"{case}: from {path.name}, after {events} events"
        if trainer.global_step == read(path)["global_step"]:  # nothing was left to do
            assert not module.events
            continue
        assert module.events == whole.events[events:], where
        assert points.points == curves.points[len(curves.points) - len(points.points) :], where
        assert_same_end(folder, tmp_path / "whole", where)
        assert trainer.current_epoch == 3 or "max_steps" in options


def assert_same_end(folder: Path, whole: Path, where: str = "") -> None:
    last, end = read(folder / "checkpoints/last.ckpt"), read(whole / "checkpoints/last.ckpt")
    for key in STATES:
        assert same(last[key], end[key]), f"{where}: {key}"
    assert same(last["lossbook"]["rng"], end["lossbook"]["rng"]), where


def test_a_run_stopped_within_an_epoch_by_its_number_of_steps_can_be_prolonged(tmp_path: Path) -> None:
    run(tmp_path / "whole", "step", every_n_steps=None)
    run(tmp_path / "short", "step", every_n_steps=None, max_steps=10)
    run(tmp_path / "resumed", "step", ckpt=tmp_path / "short/checkpoints/last.ckpt", every_n_steps=None)
    assert_same_end(tmp_path / "resumed", tmp_path / "whole")


@pytest.mark.parametrize("step", [9, 13], ids=["within an epoch", "in an epoch's last batch"])
def test_ctrl_c_saves_what_was_done_and_stops(step: int, tmp_path: Path) -> None:
    run(tmp_path / "whole", "epoch", every_n_steps=None)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a test runner's worker may have another
    with pytest.raises(SystemExit):  # Lightning's answer to KeyboardInterrupt
        run(tmp_path / "stopped", "epoch", every_n_steps=None, signal_at=(step, signal.SIGINT))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    last = tmp_path / "stopped/checkpoints/last.ckpt"
    assert read(last)["global_step"] == step + 1
    run(tmp_path / "resumed", "epoch", ckpt=last, every_n_steps=None)
    assert_same_end(tmp_path / "resumed", tmp_path / "whole")


def test_sigterm_saves_what_was_done_and_stops(tmp_path: Path) -> None:
    run(tmp_path / "whole", "epoch", every_n_steps=None)
    with pytest.raises(SIGTERMException):
        run(tmp_path / "stopped", "epoch", every_n_steps=None, signal_at=(9, signal.SIGTERM))
    run(tmp_path / "resumed", "epoch", ckpt=tmp_path / "stopped/checkpoints/last.ckpt", every_n_steps=None)
    assert_same_end(tmp_path / "resumed", tmp_path / "whole")


def test_killed_in_mid_epoch_by_sigkill(tmp_path: Path) -> None:
    run(tmp_path / "whole", "epoch", every_n_steps=None)
    program = f"""
        import importlib.util, pathlib, signal
        spec = importlib.util.spec_from_file_location("test_resume", {__file__!r})
        tests = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(tests)
        tests.run(pathlib.Path({str(tmp_path / "killed")!r}), "epoch", every_n_steps=4, signal_at=(10, signal.SIGKILL))
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    last = tmp_path / "killed/checkpoints/last.ckpt"
    assert read(last)["global_step"] == 8
    run(tmp_path / "resumed", "epoch", ckpt=last, every_n_steps=None)
    assert_same_end(tmp_path / "resumed", tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize(
    "batches",
    [
        ["data.augment=[{_target_:lossbook.data.augment.Affine,degrees:10}]"],
        ["augment=trivial", "data.mixup=0.2", "data.cutmix=1.0", "data.sampling=balanced"],
    ],
    ids=["a list of augmentations", "augmented by name, mixed and balanced"],
)
def test_the_command_killed_by_sigkill(batches: list[str], tmp_path: Path) -> None:
    command = [sys.executable, str(Path(__file__).parents[1] / "scripts/train.py")]
    options = ["scheduler=cosine", "model.dropout=0.3", "trainer.max_epochs=2", "trainer.accelerator=cpu"]
    options += [*batches, "logger=none", "callbacks.checkpoints.every_n_steps=7"]
    quiet: Any = {
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.PIPE,
        "env": {**os.environ, "OMP_NUM_THREADS": "1"},
    }
    whole = subprocess.Popen([*command, *options, f"hydra.run.dir={tmp_path / 'whole'}"], **quiet)
    killed = subprocess.Popen([*command, *options, f"hydra.run.dir={tmp_path / 'killed'}"], **quiet)
    last = tmp_path / "killed/checkpoints/last.ckpt"
    while not last.exists() and killed.poll() is None:
        time.sleep(0.005)
    killed.kill()
    killed.communicate()
    assert read(last)["global_step"] < 40, "it had time to end"
    resumed = [*command, f"ckpt={last}", f"hydra.run.dir={tmp_path / 'resumed'}"]
    subprocess.run(resumed, check=True, **quiet)
    assert whole.communicate()[1] == b""
    left, right = (read(tmp_path / name / "checkpoints/last.ckpt") for name in ("whole", "resumed"))
    for key in ("state_dict", "optimizer_states", "lr_schedulers", "global_step", "epoch", "meter"):
        assert same(left[key], right[key]), key
    assert same(left["lossbook"]["rng"], right["lossbook"]["rng"])
