"""Every evaluation in a step is the same function; only one a batch is counted for LBFGS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
from torch import Tensor, nn

from lossbook.checkpoints.read import AtomicCheckpointIO, read
from lossbook.data.batch_order import BatchOrder
from lossbook.data.schema import Schema
from lossbook.data.tensor_loader import TensorLoader
from lossbook.errors import UserError
from lossbook.losses.bind import bind_terms
from lossbook.losses.reading import read as contract
from lossbook.optim.repeats import Repeats
from lossbook.tasks.supervised import Supervised
from lossbook.training.callbacks.checkpoints import Checkpoints
from lossbook.training.callbacks.record import Record
from lossbook.training.module import LossbookModule
from lossbook.trust import OWN_CONFIG

LOSS: dict[str, Any] = {"criterion": {"_target_": "torch.nn.CrossEntropyLoss"}, "accepts": {"class": "index"}}


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 2))


def evaluate(net: nn.Module, repeats: Repeats, first: bool, scale: float = 1.0) -> Tensor:
    x = scale * torch.randn(8, 6, generator=torch.Generator().manual_seed(1))
    with repeats.evaluation(net, first):
        loss: Tensor = net(x).square().mean()
    loss.backward()
    return loss.detach()


def test_dropout_drops_the_same_at_each_evaluation_and_other_units_in_the_next_step() -> None:
    net, repeats = network(), Repeats()
    losses = [evaluate(net, repeats, first) for first in (True, False, False, True, False)]
    assert losses[0] == losses[1] == losses[2]
    assert losses[3] == losses[4] != losses[0]
    torch.manual_seed(7)
    evaluate(net, repeats, True)
    drawn = torch.rand(2)
    torch.manual_seed(7)
    for first in (True, False, False):
        evaluate(net, repeats, first)
    assert torch.equal(torch.rand(2), drawn)  # as many as one evaluation draws


def test_statistics_follow_every_evaluation_but_those_that_overflow() -> None:
    net, repeats = network(), Repeats()
    seen = []
    for first, scale in ((True, 1.0), (False, 2.0), (False, torch.inf), (False, torch.nan), (False, 2.0)):
        evaluate(net, repeats, first, scale)
        seen.append([buffer.clone() for buffer in net.buffers()])
    counts = [int(buffers[2]) for buffers in seen]
    assert counts == [1, 2, 2, 2, 3]
    assert all(torch.equal(one, other) for one, other in zip(seen[1], seen[3], strict=True))
    assert all(torch.isfinite(buffer).all() for buffer in net.buffers())


def test_a_mask_that_is_infinite_on_purpose_is_no_overflow() -> None:
    net, repeats = network(), Repeats()
    net.register_buffer("mask", torch.full((2,), -torch.inf))
    for first in (True, False, False):
        evaluate(net, repeats, first)
    assert int(net[1].num_batches_tracked) == 3  # type: ignore[arg-type]


class Curves(lightning.pytorch.loggers.logger.DummyLogger):
    """Keep what would be drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.points: list[tuple[int, float]] = []

    def log_metrics(self, metrics: dict[str, float], step: int) -> None:  # type: ignore[override]
        self.points += [(step, metrics["train/loss_step"])] if "train/loss_step" in metrics else []


class Watched(nn.Module):
    """A network that records its output at each evaluation of training."""

    def __init__(self, broken_at: int = -1) -> None:
        super().__init__()
        self.net, self.broken_at = network(), broken_at
        self.outputs: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.net(x)
        if self.training:
            output = output * (torch.nan if len(self.outputs) == self.broken_at else 1.0)
            self.outputs.append(output.detach().clone())
        return output


def rows(samples: int) -> dict[str, Tensor]:
    x = torch.randn(samples, 6, generator=torch.Generator().manual_seed(3))
    return {"input": x, "target": (x.sum(1) > 0).long()}


def loader(samples: int) -> TensorLoader:
    return TensorLoader(rows(samples), BatchOrder(samples, 16, False, 0))


def fit(
    folder: Path, broken_at: int = -1, ckpt: Path | None = None, **options: Any
) -> tuple[lightning.Trainer, Watched, Curves]:
    lightning.seed_everything(0, verbose=False)
    schema = Schema(target="class", input_shape=(6,), samples=64, classes=2, class_counts=(32, 32))
    net, curves = Watched(broken_at), Curves()
    module = LossbookModule(
        Supervised(net, bind_terms(contract("mine", LOSS), schema, None, OWN_CONFIG)),
        ("acc", "max"),
        lambda module: torch.optim.LBFGS(module.parameters(), max_iter=5, line_search_fn="strong_wolfe"),
        repeats=True,
    )
    trainer = lightning.Trainer(
        **{"max_epochs": 2, "num_sanity_val_steps": 0, **options},
        accelerator="cpu",
        logger=curves,
        log_every_n_steps=1,
        default_root_dir=folder,
        plugins=[AtomicCheckpointIO()],
        callbacks=[Checkpoints(every_n_steps=1), Record({"config": {}})],
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, loader(64), loader(32), ckpt_path=ckpt)
    return trainer, net, curves


pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning", "ignore:.*does not have many workers")


def test_four_batches_count_four_times_however_often_they_are_evaluated(tmp_path: Path) -> None:
    trainer, net, curves = fit(tmp_path, max_epochs=1)
    state = trainer.optimizers[0].state_dict()["state"][0]
    assert len(net.outputs) == state["func_evals"] > 3 * 4
    assert trainer.global_step == 4
    # the first evaluation of a batch is at the weights before its step, whose loss was logged
    targets = rows(64)["target"].split(16)
    firsts: list[Tensor] = []
    for batch, (step, logged) in enumerate(curves.points):
        assert step == batch
        losses = torch.stack([nn.functional.cross_entropy(output, targets[batch]) for output in net.outputs])
        firsts.append(net.outputs[int((losses - logged).abs().argmin())])
        assert (losses - logged).abs().min() < 1e-6
    assert len(firsts) == 4
    hits = sum(int((output.argmax(1) == target).sum()) for output, target in zip(firsts, targets, strict=True))
    assert float(trainer.callback_metrics["train/acc"]) == pytest.approx(hits / 64)
    mean = sum(logged for _, logged in curves.points) / 4
    assert float(trainer.callback_metrics["train/loss"]) == pytest.approx(mean)


def test_it_goes_on_bit_for_bit_from_within_an_epoch(tmp_path: Path) -> None:
    fit(tmp_path / "whole")
    fit(tmp_path / "cut", max_steps=6)
    cut = tmp_path / "cut/checkpoints/last.ckpt"
    assert isinstance(read(cut)["optimizer_states"][0]["state"][0]["old_dirs"], list)
    fit(tmp_path / "on", ckpt=cut)
    one, other = (read(tmp_path / name / "checkpoints/last.ckpt") for name in ("whole", "on"))
    assert all(torch.equal(value, other["state_dict"][name]) for name, value in one["state_dict"].items())
    assert (
        one["optimizer_states"][0]["state"][0]["func_evals"] == other["optimizer_states"][0]["state"][0]["func_evals"]
    )


def test_nan_ends_the_run_at_the_first_evaluation_of_a_batch_alone(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nan at step 0"):
        fit(tmp_path / "first", broken_at=0)
    trainer, _, _ = fit(tmp_path / "second", broken_at=1, max_epochs=1)
    assert trainer.global_step == 4
    assert torch.isfinite(trainer.callback_metrics["val/loss"])


def test_bfloat16_on_the_processor(tmp_path: Path) -> None:
    trainer, _, _ = fit(tmp_path, max_epochs=1, precision="bf16-mixed")
    assert trainer.global_step == 4
