"""The average is what is validated, tested and saved; training knows nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lossbook.checkpoints.read import AtomicCheckpointIO, read
from lossbook.data.batch_order import BatchOrder
from lossbook.data.tensor_loader import TensorLoader
from lossbook.metrics.threshold import BestF1
from lossbook.training.callbacks.averaged_weights import TRAINED, AveragedWeights, load_trained, statistics
from lossbook.training.callbacks.checkpoints import Checkpoints
from lossbook.training.callbacks.optimizer_averages import OptimizerAverages
from lossbook.training.callbacks.record import Record
from lossbook.training.callbacks.weight_averaging import EqualAverage, ExponentialAverage

BATCHES, EPOCHS = 5, 3
KINDS: dict[str, Callable[[], AveragedWeights]] = {
    "ema": ExponentialAverage,
    "swa": lambda: EqualAverage(0.4),
    "asgd": lambda: OptimizerAverages("ax"),
}
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*LeafSpec:FutureWarning",
    "ignore:.*does not have many workers",
    "ignore:.*callbacks used to create the checkpoint",
)


def loader(seed: int, size: int, shuffle: bool) -> TensorLoader:
    x = torch.randn(size, 6, generator=torch.Generator().manual_seed(seed))
    return TensorLoader({"input": x, "target": (x.sum(1) > 0).long()}, BatchOrder(size, 4, shuffle, seed))


class Module(lightning.LightningModule):
    """Batch norm, dropout and tied weights; it writes down its tensors after every step."""

    primary = ("val/loss", "min")

    def __init__(self, asgd: bool = False, stop_at: int = -1) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.Linear(8, 8), nn.Linear(8, 2))
        self.tied = nn.Linear(8, 8)
        self.tied.weight = self.net[3].weight  # type: ignore[assignment]
        self.register_buffer("scratch", torch.zeros(()), persistent=False)
        self.asgd, self.stop_at = asgd, stop_at
        self.steps: list[dict[str, Tensor]] = []

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.net[:4]:
            x = layer(x)
        output: Tensor = self.net[4](self.tied(x))
        return output

    def configure_optimizers(self) -> torch.optim.Optimizer:
        if self.asgd:
            return torch.optim.ASGD(self.parameters(), lr=0.1, t0=4)
        return torch.optim.SGD(self.parameters(), lr=0.1, momentum=0.9)

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        return F.cross_entropy(self(batch["input"]), batch["target"])

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.steps.append({name: tensor.clone() for name, tensor in self.state_dict().items()})
        self.trainer.should_stop |= self.global_step == self.stop_at

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        self.log("val/loss", F.cross_entropy(self(batch["input"]), batch["target"]))


def run(
    folder: Path, kind: str | None, ckpt: Path | None = None, like: str | None = None, stop_at: int = -1, **options: Any
) -> tuple[lightning.Trainer, Module]:
    lightning.seed_everything(1, verbose=False)
    module = Module(asgd="asgd" in (kind, like), stop_at=stop_at)
    averaging = [] if kind is None else [KINDS[kind]()]
    trainer = lightning.Trainer(
        **{"max_epochs": EPOCHS, "num_sanity_val_steps": 0, **options},
        accelerator="cpu",
        logger=False,
        default_root_dir=folder,
        plugins=[AtomicCheckpointIO()],
        callbacks=[Checkpoints(every_n_steps=4), *averaging, Record({"config": {}})],
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, loader(1, 4 * BATCHES, True), loader(2, 8, False), ckpt_path=ckpt)
    return trainer, module


def by_hand(kind: str, steps: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The average in float64, from the tensors after each step."""
    if kind == "swa":  # 0.4 of 15 steps are 6: the ends of the second and third epochs
        taken, weights = [steps[9], steps[14]], [1.0, 1 / 2]
    elif kind == "ema":
        taken, weights = steps, [1.0, *(1 - min(0.999, (1 + n) / (10 + n)) for n in range(1, len(steps)))]
    else:  # t0 = 4: from the fifth step on the average starts anew, and ASGD gives a step the weight of the one before
        taken, weights = steps, [1 / max(1, n - 4) for n in range(len(steps))]
    average = {name: tensor.double() for name, tensor in taken[0].items()}
    for step, weight in zip(taken[1:], weights[1:], strict=True):
        average = {name: value + weight * (step[name] - value) for name, value in average.items()}
    counts = {name: value for name, value in steps[-1].items() if not value.is_floating_point()}
    return {**average, **counts}


@pytest.mark.parametrize("kind", KINDS)
def test_checkpoints_hold_the_average_and_beside_it_what_was_trained(kind: str, tmp_path: Path) -> None:
    _, module = run(tmp_path / "a", kind)
    last = read(tmp_path / "a/checkpoints/last.ckpt")
    expected = by_hand(kind, module.steps)
    assert last["state_dict"].keys() == expected.keys() == last[TRAINED].keys()
    for name, value in expected.items():
        torch.testing.assert_close(last["state_dict"][name].double(), value.double(), atol=1e-6, rtol=1e-5)
        assert torch.equal(last[TRAINED][name], module.steps[-1][name])
    assert any(not torch.equal(last["state_dict"][name], last[TRAINED][name]) for name in expected)
    assert torch.equal(last["state_dict"]["tied.weight"], last["state_dict"]["net.3.weight"])
    assert last["state_dict"]["net.1.num_batches_tracked"] == BATCHES * EPOCHS
    # without the callback, training is the same
    _, plain = run(tmp_path / "b", None, like=kind)
    for mine, theirs in zip(module.steps, plain.steps, strict=True):
        assert all(torch.equal(mine[name], value) for name, value in theirs.items())
    # which leaves the average in the module
    assert all(torch.equal(value, last["state_dict"][name]) for name, value in module.state_dict().items())


@pytest.mark.parametrize("kind", KINDS)
def test_a_checkpoint_gives_the_metrics_of_its_validation(kind: str, tmp_path: Path) -> None:
    trainer, module = run(tmp_path, kind)
    off = dict.fromkeys(("logger", "enable_progress_bar", "enable_model_summary"), False)
    stranger = lightning.Trainer(accelerator="cpu", plugins=[AtomicCheckpointIO()], **off)  # without the callback
    for name in ("best", "last"):
        path = tmp_path / f"checkpoints/{name}.ckpt"
        metrics = trainer.checkpoint_callbacks[0].best_metrics  # type: ignore[attr-defined]
        validated = metrics["val/loss"] if name == "best" else None
        for judge in (trainer, stranger):
            (found,) = judge.validate(module, loader(2, 8, False), ckpt_path=path, verbose=False, weights_only=True)
            assert validated in (None, found["val/loss"])
            validated = found["val/loss"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [{}, {"accumulate_grad_batches": 2}, {"val_check_interval": 2}], ids=str)
def test_a_resumed_run_goes_on_bit_for_bit(kind: str, options: dict[str, Any], tmp_path: Path) -> None:
    run(tmp_path / "whole", kind, **options)
    end = read(tmp_path / "whole/checkpoints/last.ckpt")
    for steps in (2, 7) if not options else (5,):
        run(tmp_path / f"cut{steps}", kind, stop_at=steps, **options)
        ckpt = tmp_path / f"cut{steps}/checkpoints/last.ckpt"
        assert read(ckpt)["global_step"] == steps
        run(tmp_path / f"on{steps}", kind, ckpt, **options)
        again = read(tmp_path / f"on{steps}/checkpoints/last.ckpt")
        for key in ("state_dict", TRAINED):
            assert all(torch.equal(value, again[key][name]) for name, value in end[key].items()), (steps, key)


def test_until_there_is_an_average_the_weights_count(tmp_path: Path) -> None:
    _, module = run(tmp_path, "swa", stop_at=7)
    checkpoint = read(tmp_path / "checkpoints/last.ckpt")
    assert checkpoint["global_step"] == 7
    assert TRAINED not in checkpoint
    for state in (checkpoint["state_dict"], module.state_dict()):
        assert all(torch.equal(value, module.steps[-1][name]) for name, value in state.items())


def test_an_average_that_began_too_early_for_a_longer_run_starts_anew(tmp_path: Path) -> None:
    run(tmp_path / "short", "swa", max_epochs=2)  # of 10 steps: averages from the fifth on
    _, module = run(tmp_path / "long", "swa", tmp_path / "short/checkpoints/last.ckpt", max_epochs=4)
    last = read(tmp_path / "long/checkpoints/last.ckpt")
    mean = (module.steps[4]["net.0.weight"] + module.steps[9]["net.0.weight"]) / 2  # of 20 steps: 15 and 20
    torch.testing.assert_close(last["state_dict"]["net.0.weight"], mean)


def test_the_copy_is_of_the_weights_alone(tmp_path: Path) -> None:
    callback = ExponentialAverage()
    module = Module()
    callback._tensors = callback.averaged(module)
    callback._update(1.0)
    assert callback.averages.keys() == {*dict(module.named_parameters()), "net.1.running_mean", "net.1.running_var"}
    assert all(not tensor.requires_grad for tensor in callback.averages.values())


def test_neither_metrics_nor_masks_are_averaged() -> None:
    module = nn.Module()
    module.metric, module.norm = BestF1(2), nn.BatchNorm1d(2)
    module.register_buffer("mask", torch.full((2,), -torch.inf))
    module.metric.threshold = torch.tensor(0.5)
    assert statistics(module).keys() == {"norm.running_mean", "norm.running_var"}


def test_modules_that_need_their_version_are_loaded(tmp_path: Path) -> None:
    _, module = run(tmp_path, "ema")
    checkpoint = read(tmp_path / "checkpoints/last.ckpt")
    versions = module.state_dict()._metadata  # type: ignore[attr-defined]
    assert versions["net.1"] == {"version": 2}
    assert checkpoint["state_dict"]._metadata == checkpoint[TRAINED]._metadata == versions


def test_half_precision_is_averaged_in_full(tmp_path: Path) -> None:
    run(tmp_path, "ema", precision="bf16-true")
    checkpoint = read(tmp_path / "checkpoints/last.ckpt")
    assert checkpoint["state_dict"]["net.0.weight"].dtype == torch.float32
    assert checkpoint[TRAINED]["net.0.weight"].dtype == torch.bfloat16


def test_the_trained_weights_of_a_checkpoint_can_be_had_without_the_callback() -> None:
    module = nn.Linear(2, 1)
    checkpoint: dict[str, Any] = {"state_dict": {"weight": torch.zeros(1, 2), "bias": torch.zeros(1)}}
    before = module.weight.clone()
    load_trained(module, checkpoint)
    assert torch.equal(module.weight, before)
    load_trained(module, {**checkpoint, TRAINED: {"weight": torch.ones(1, 2), "bias": torch.ones(1)}})
    assert torch.equal(module.weight, torch.ones(1, 2))
