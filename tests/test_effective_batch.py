"""A step's gradient against that of torch's own loss over all its samples in one batch.

As a script this file is one of two processes: ``python test_effective_batch.py FOLDER``.
"""

from __future__ import annotations

import functools
import os
import socket
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import GradientAccumulationScheduler
from torch import Tensor, nn, tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader

from lossbook import compose
from lossbook.composing.plain import plain
from lossbook.data.schema import Schema
from lossbook.effective_batch import scale_gradients
from lossbook.errors import UserError
from lossbook.module import LossbookModule
from lossbook.objectives.bind import bind
from lossbook.objectives.contract import read
from lossbook.run.fit import quiet

SCHEMAS: dict[str, dict[str, Any]] = {
    "class": {"classes": 3, "class_counts": (2, 3, 5)},
    "multilabel": {"classes": 3, "class_counts": (2, 5, 8)},
    "value": {"width": 3, "mean": (10.0, 0.0, 1.0), "scale": (2.0, 1.0, 3.0)},
    "count": {"width": 3, "mean": (3.0,) * 3, "scale": (1.5,) * 3},
    "mask": {"classes": 3, "class_counts": (70, 20, 10)},
    "text": {"classes": 2, "alphabet": ("a", "b")},
}
SIZES = (4, 4, 1, 3, 4, 4, 2)  # of the batches; the last one is never a full one

Loss = Callable[[Tensor, dict[str, Any], str], Tensor]  # of the model's output, the batch, and the reduction


def one_hot(target: Tensor) -> Tensor:
    return F.one_hot(target, 3).float()


def planes(target: Tensor) -> Tensor:
    return one_hot(target).movedim(-1, 1)


def padded(target: Tensor) -> Tensor:
    rows = [[i for i in range(3) if row[i]] for row in target.tolist()]
    return tensor([row + [-1] * (3 - len(row)) for row in rows])


def kl_div(output: Tensor, batch: dict[str, Any], reduction: str) -> Tensor:
    target = one_hot(batch["target"]) * 0.9 + 0.1 / 3
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch would rather have batchmean
        return F.kl_div(output.log_softmax(1), target, reduction="batchmean" if reduction == "none" else reduction)


def ctc(output: Tensor, batch: dict[str, Any], reduction: str) -> Tensor:
    steps = torch.full((len(output),), output.shape[1])
    symbols = (batch["target"] + 1).clamp_min(0)
    scores = output.log_softmax(2).transpose(0, 1)
    losses = F.ctc_loss(scores, symbols, steps, batch["target_lengths"], reduction="none")
    return {"none": losses.mean(), "mean": (losses / batch["target_lengths"]).mean(), "sum": losses.sum()}[reduction]


def standard(target: Tensor) -> Tensor:
    return (target - tensor([10.0, 0.0, 1.0])) / tensor([2.0, 1.0, 3.0])


WEIGHT = [1.0, 0.1, 4.0]
CASES: dict[str, tuple[str, list[str], Loss]] = {
    "cross_entropy": ("class", [], lambda o, b, r: F.cross_entropy(o, b["target"], reduction=r)),
    "cross_entropy weight": (
        "class",
        [f"loss.criterion.weight={WEIGHT}", "loss.criterion.label_smoothing=0.1", "loss.criterion.ignore_index=1"],
        lambda o, b, r: F.cross_entropy(
            o, b["target"], tensor(WEIGHT), ignore_index=1, label_smoothing=0.1, reduction=r
        ),
    ),
    "cross_entropy mask": (
        "mask",
        [f"loss.criterion.weight={WEIGHT}", "loss.criterion.ignore_index=0"],
        lambda o, b, r: F.cross_entropy(o, b["target"], tensor(WEIGHT), ignore_index=0, reduction=r),
    ),
    "nll": (
        "class",
        ["loss.criterion.ignore_index=2"],
        lambda o, b, r: F.nll_loss(o.log_softmax(1), b["target"], ignore_index=2, reduction=r),
    ),
    "bce": ("multilabel", [], lambda o, b, r: F.binary_cross_entropy(o.sigmoid(), b["target"], reduction=r)),
    "bce_logits mask": (
        "mask",
        [f"loss.criterion.pos_weight={WEIGHT}"],
        lambda o, b, r: F.binary_cross_entropy_with_logits(
            o, planes(b["target"]), pos_weight=tensor(WEIGHT)[:, None, None], reduction=r
        ),
    ),
    "l1": ("value", [], lambda o, b, r: F.l1_loss(o, standard(b["target"]), reduction=r)),
    "mse": ("value", [], lambda o, b, r: F.mse_loss(o, standard(b["target"]), reduction=r)),
    "smooth_l1": ("value", [], lambda o, b, r: F.smooth_l1_loss(o, standard(b["target"]), reduction=r)),
    "poisson_nll": ("count", [], lambda o, b, r: F.poisson_nll_loss(o, b["target"], reduction=r)),
    "kl_div": ("class", [], kl_div),
    "multilabel_margin": (
        "multilabel",
        [],
        lambda o, b, r: F.multilabel_margin_loss(o, padded(b["target"]), reduction=r),
    ),
    "soft_margin": ("class", [], lambda o, b, r: F.soft_margin_loss(o, one_hot(b["target"]) * 2 - 1, reduction=r)),
    "multilabel_soft_margin": (
        "multilabel",
        [f"loss.criterion.weight={WEIGHT}"],
        lambda o, b, r: F.multilabel_soft_margin_loss(o, b["target"], tensor(WEIGHT), reduction=r),
    ),
    "multi_margin": (
        "class",
        [f"loss.criterion.weight={WEIGHT}"],
        lambda o, b, r: F.multi_margin_loss(o, b["target"], weight=tensor(WEIGHT), reduction=r),
    ),
    "ctc": ("text", [], ctc),
}
PAIRS = [
    (name, reduction)
    for name in CASES
    for reduction in ("none", "mean", "sum", *(["batchmean"] if name == "kl_div" else []))
]




class Net(nn.Module):
    """A small network without statistics; scores of three classes, for vectors, images (N, 4, H, W) or steps."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 5), nn.Linear(5, 3)
        self.idle = nn.Linear(1, 1).requires_grad_(False)

    def forward(self, input: Tensor) -> Tensor:
        image = input.ndim == 4
        out: Tensor = self.second(torch.tanh(self.first(input.movedim(1, -1) if image else input)))
        return out.movedim(-1, 1) if image else out


def batches_of(kind: str, seed: int = 0) -> list[dict[str, Any]]:
    draw = torch.Generator().manual_seed(seed)
    made: list[dict[str, Any]] = []
    for n in SIZES:
        shape = {"mask": (n, 4, 2, 3), "text": (n, 6, 4)}.get(kind, (n, 4))
        batch: dict[str, Any] = {"input": torch.randn(shape, generator=draw)}
        if kind in ("class", "mask"):
            batch["target"] = torch.randint(3, (n, 2, 3) if kind == "mask" else (n,), generator=draw)
            batch["target"][0] = 0  # of which none of the cases ignores all
        elif kind == "text":
            lengths = torch.randint(1, 4, (n,), generator=draw)
            batch["target"] = torch.randint(2, (n, 3), generator=draw)
            batch["target"][torch.arange(3) >= lengths[:, None]] = -1
            batch["target_lengths"] = lengths
        elif kind == "value":
            batch["target"] = torch.randn((n, 3), generator=draw) * 4 + 5
        else:
            batch["target"] = torch.randint(2 if kind == "multilabel" else 6, (n, 3), generator=draw).float()
        made.append(batch)
    return made


def module_of(name: str, reduction: str, seed: int = 0) -> LossbookModule:
    kind, overrides, _ = CASES[name]
    values = _values(f"loss={name.split()[0]}", f"data={_DATA[kind]}", f"loss.criterion.reduction={reduction}", *overrides)
    objective = bind(read(values["choices"]["loss"], values["loss"]), Schema(kind, (4,), 10, **SCHEMAS[kind]))
    torch.manual_seed(seed)
    return LossbookModule(
        Net(), objective, ("loss", "min"), lambda m: torch.optim.SGD(m.parameters(), 0.05), check_targets=False
    )


_DATA = {
    "class": "digits", "multilabel": "scene_labels", "value": "diabetes", "count": "scene_counts",
    "mask": "scene_masks", "text": "digit_lines",
}  # fmt: skip


@functools.cache
def _values(*overrides: str) -> dict[str, Any]:
    return plain(compose(*overrides))


class Seen(L.Callback):
    """The weights and batches of each step, and the gradient that its optimizer is given."""

    def __init__(self) -> None:
        self.steps: list[tuple[dict[str, Tensor], list[dict[str, Any]], list[Tensor]]] = []
        self._batches: list[dict[str, Any]] = []

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        self._batches.append(batch)

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        weights = {name: value.clone() for name, value in pl_module.model.state_dict().items()}
        gradients = [p.grad.clone() for p in pl_module.model.parameters() if p.requires_grad]
        self.steps.append((weights, self._batches, gradients))
        self._batches = []


def fit(module: LossbookModule, batches: list[dict[str, Any]], *callbacks: L.Callback, **options: Any) -> Seen:
    seen = Seen()
    silent = dict.fromkeys(("logger", "enable_progress_bar", "enable_model_summary", "enable_checkpointing"), False)
    options = {"max_epochs": 1, "accelerator": "cpu", **options, **silent}
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        L.Trainer(**options, callbacks=[*callbacks, seen]).fit(module, DataLoader(batches, batch_size=None))  # type: ignore[arg-type]
    return seen


def one_batch(batches: list[dict[str, Any]]) -> dict[str, Any]:
    return {key: torch.cat([batch[key] for batch in batches]) for key in batches[0]}


def expected(name: str, reduction: str, weights: dict[str, Tensor], batches: list[dict[str, Any]]) -> list[Tensor]:
    """The gradient of torch's loss over all samples in one batch,"""
    net = Net()
    net.load_state_dict(weights)
    batch = one_batch(batches)
    # the losses of "none" are averaged, over what torch's own mean divides by
    form = "mean" if reduction == "none" and name not in ("ctc", "kl_div") else reduction
    loss = CASES[name][2](net(batch["input"]), batch, form)
    return list(torch.autograd.grad(loss, [p for p in net.parameters() if p.requires_grad]))


def assert_same(found: list[Tensor], wanted: list[Tensor]) -> None:
    whole = [torch.cat([gradient.flatten() for gradient in each]).double() for each in (found, wanted)]
    assert (whole[0] - whole[1]).norm() <= 1e-6 * whole[1].norm()


@pytest.mark.parametrize(("name", "reduction"), PAIRS)
def test_several_batches_have_the_gradient_of_one(name: str, reduction: str) -> None:
    """Of one, two and three batches a step, and of more than there are, in a run that changes its mind."""
    changing = GradientAccumulationScheduler({0: 1, 1: 2, 2: 3, 3: 100})
    seen = fit(module_of(name, reduction), batches_of(CASES[name][0]), changing, max_epochs=4)
    assert [len(batches) for _, batches, _ in seen.steps] == [*[1] * 7, *[2] * 3, 1, *[3] * 2, 1, 7]
    for weights, batches, gradients in seen.steps:
        assert_same(gradients, expected(name, reduction, weights, batches))
