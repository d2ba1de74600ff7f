"""A step's gradient against that of torch's own loss over all its samples in one batch.

As a script this file is one of two processes: ``python test_effective_batch.py FOLDER``.
"""

from __future__ import annotations

import functools
import os
import re
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
from lossbook.config.resolve import plain
from lossbook.data.schema import Schema
from lossbook.errors import UserError
from lossbook.losses.bind import bind_terms
from lossbook.losses.contract import Contract, Term
from lossbook.losses.reading import read
from lossbook.tasks.supervised import Supervised
from lossbook.training.effective_batch import notes, scale_gradients
from lossbook.training.fit import quiet
from lossbook.training.module import LossbookModule

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


SILENT = dict.fromkeys(("logger", "enable_progress_bar", "enable_model_summary", "enable_checkpointing"), False)
IGNORING = ["loss.criterion.ignore_index=2", "loss.criterion.label_smoothing=0.1"]
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
        [f"loss.criterion.weight={WEIGHT}", "loss.criterion.ignore_index=1"],
        lambda o, b, r: F.cross_entropy(o, b["target"], tensor(WEIGHT), ignore_index=1, reduction=r),
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
    "poisson_nll": (
        "count",
        ["loss.accepts.count.start=zero"],
        lambda o, b, r: F.poisson_nll_loss(o, b["target"], reduction=r),
    ),
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


def trained(net: nn.Module) -> list[Any]:
    return [parameter for parameter in net.parameters() if parameter.requires_grad]


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


def module_of(name: str, reduction: str, *more: str) -> LossbookModule:
    kind, overrides, _ = CASES[name]
    loss = [f"loss={name.split()[0]}", f"loss.criterion.reduction={reduction}"]
    values = _values(*loss, f"data={_DATA[kind]}", *overrides, *more)
    contract = read(values["choices"]["loss"], values["loss"])
    terms = bind_terms(contract, Schema(kind, (4,), 10, **SCHEMAS[kind]))
    torch.manual_seed(0)
    lr = 0.005 if reduction == "sum" else 0.05
    task = Supervised(Net(), terms)
    return LossbookModule(task, ("loss", "min"), lambda m: torch.optim.SGD(m.parameters(), lr), check_targets=False)


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
        self.trainer: Any = None

    def setup(self, trainer: L.Trainer, pl_module: Any, stage: str) -> None:
        self.trainer = trainer

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        self._batches.append(batch)

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        weights = {name: value.clone() for name, value in pl_module.model.state_dict().items()}
        gradients = [p.grad.clone() for p in trained(pl_module.model)]
        self.steps.append((weights, self._batches, gradients))
        self._batches = []


class Statistics(L.Callback):
    """The running mean with which the last batch is validated."""

    def on_validation_batch_start(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        self.found = pl_module.model.idle.running_mean.clone()


def fit(module: LossbookModule, batches: list[dict[str, Any]], *callbacks: L.Callback, **options: Any) -> Seen:
    seen = Seen()
    options = {"max_epochs": 1, "accelerator": "cpu", **options, **SILENT}
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        L.Trainer(**options, callbacks=[*callbacks, seen]).fit(module, *[DataLoader(batches, batch_size=None)] * 2)  # type: ignore[arg-type]
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
    return list(torch.autograd.grad(loss, trained(net)))


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


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("weight", ["[1,1,0]", "null"])
def test_a_batch_without_a_target_that_counts_is_a_part_of_its_step(weight: str, reduction: str) -> None:
    """Torch's own gradient of such a batch is nan."""
    module = module_of("cross_entropy", reduction, f"loss.criterion.weight={weight}", *IGNORING)
    criterion = torch.nn.CrossEntropyLoss(module.objective.criterion.weight, ignore_index=2, label_smoothing=0.1)
    batches = batches_of("class")
    for batch in (batches[0], batches[4], batches[5]):
        batch["target"][:] = 2
    seen = fit(module, batches, accumulate_grad_batches=3)
    assert len(seen.steps) == 3
    for weights, parts, gradients in seen.steps:
        batch, net = one_batch(parts), Net()
        net.load_state_dict(weights)
        criterion.reduction = "sum" if reduction == "sum" else "mean"
        loss = criterion(net(batch["input"]), batch["target"])
        assert_same(gradients, list(torch.autograd.grad(loss, trained(net))))


@pytest.mark.parametrize("batches", [1, 3])
def test_a_step_without_one_is_an_error(batches: int) -> None:
    data = batches_of("class")
    for batch in data[3:6]:
        batch["target"][:] = 2
    with pytest.raises(UserError, match="Every target of a batch is ignored"):
        fit(module_of("cross_entropy", "mean", *IGNORING), data, accumulate_grad_batches=batches)


@pytest.mark.parametrize("algorithm", ["norm", "value"])
def test_what_is_clipped_is_the_gradient_of_the_step(algorithm: str) -> None:
    options = {"gradient_clip_val": 0.05, "gradient_clip_algorithm": algorithm, "accumulate_grad_batches": 100}
    module = module_of("mse", "mean")
    ((weights, parts, _),) = fit(module, batches_of("value"), **options).steps
    gradients = expected("mse", "mean", weights, parts)
    norm = torch.cat([gradient.flatten() for gradient in gradients]).norm()
    assert norm > 0.05
    clipped = [g * 0.05 / norm if algorithm == "norm" else g.clamp(-0.05, 0.05) for g in gradients]
    before = [weights[name] for name, p in module.model.named_parameters() if p.requires_grad]
    for was, gradient, now in zip(before, clipped, trained(module.model), strict=True):
        torch.testing.assert_close(now, was - 0.05 * gradient, rtol=1e-5, atol=1e-7)


def test_the_loss_of_an_epoch_is_that_of_its_samples() -> None:
    module = module_of("cross_entropy weight", "mean")
    module.make_optimizer = lambda m: torch.optim.SGD(m.parameters(), 0.0)
    batches = batches_of("class")
    trainer = fit(module, batches, accumulate_grad_batches=3).trainer
    batch = one_batch(batches)
    whole = CASES["cross_entropy weight"][2](module.model(batch["input"]), batch, "mean")
    assert float(trainer.callback_metrics["train/loss"]) == pytest.approx(whole.item(), rel=1e-6)


def test_gradients_of_any_kind_are_scaled() -> None:
    rows, dense, none = nn.Embedding(4, 2, sparse=True), nn.Linear(2, 1, bias=False), nn.Linear(2, 2)
    for _ in range(2):  # the second one leaves the sparse gradient with two entries for a row
        dense(rows(tensor([1, 1, 3]))).sum().backward()
    assert rows.weight.grad is not None
    assert dense.weight.grad is not None
    wanted = [rows.weight.grad.to_dense() * 0.25, dense.weight.grad * 0.25]
    scale_gradients([*rows.parameters(), *dense.parameters(), *none.parameters()], tensor(0.25, dtype=torch.float64))
    torch.testing.assert_close([rows.weight.grad.to_dense(), dense.weight.grad], wanted)
    assert none.weight.grad is None


@pytest.mark.parametrize(
    ("inputs", "target", "net", "options", "said"),
    [
        ("pairs", "class", nn.BatchNorm1d(2), {}, []),
        ("single", "class", Net(), {"devices": 2}, []),
        ("single", "class", nn.BatchNorm1d(2), {"devices": 2}, ["statistics per process, not"]),
        ("single", "class", nn.SyncBatchNorm(2), {"devices": 2}, []),
        ("single", "class", nn.Dropout(0.1), {"devices": 2}, ["Dropout is drawn per process"]),
        ("single", "class", nn.Dropout(0.1), {"accumulate_grad_batches": 2}, []),
        ("single", "class", nn.BatchNorm1d(2), {"accumulate_grad_batches": 2}, ["statistics per batch, not"]),
        ("pairs", "class", Net(), {"devices": 2}, ["Pairs are formed per process, not"]),
        ("pairs", "pair", Net(), {"devices": 2}, []),
        ("triplets", "class", Net(), {"devices": 2, "accumulate_grad_batches": 2}, ["formed per process and batch"]),
        ("views", "none", Net(), {"devices": 2}, ["Views are formed per process; .* all processes"]),
        ("views", "none", Net(), {"accumulate_grad_batches": 2}, ["Views are formed per batch; .* that batch alone"]),
    ],
)
def test_a_run_says_where_it_is_not_one_of_large_batches(
    inputs: str, target: str, net: nn.Module, options: dict[str, Any], said: list[str]
) -> None:
    with quiet():
        trainer = L.Trainer(**{"accelerator": "cpu", "devices": 1, "strategy": "auto", **options, **SILENT})
    terms = [Term("", Contract("mine", {}, {}, inputs=inputs))]
    found = notes(trainer, net, terms, Schema(target, (2,), 9))
    assert len(found) == len(said)
    assert all(re.search(text, note) for text, note in zip(said, found, strict=True))


# name, reduction, batches a step
OF_TWO = [
    ("cross_entropy weight", "mean", 1),
    ("cross_entropy weight", "none", 3),
    ("bce_logits mask", "mean", 1),
    ("nll", "sum", 1),
    ("mse", "sum", 2),
    ("ctc", "mean", 2),
]


def of_two(name: str) -> list[list[dict[str, Any]]]:
    """The batches of two processes; unequal ones, and some in which all is ignored on one of them."""
    first, second = batches_of(CASES[name][0]), batches_of(CASES[name][0], seed=1)
    for batch in second[1:]:
        for key, value in batch.items():
            batch[key] = value[: max(1, len(value) - 1)]
    if name == "cross_entropy weight":
        first[2]["target"][:] = second[3]["target"][:] = second[4]["target"][:] = 1
    return [first, second]


@pytest.mark.slow
def test_two_processes_have_the_weights_and_the_loss_of_one(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [sys.executable, __file__, str(tmp_path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    environment |= {"WORLD_SIZE": "2", "NODE_RANK": "0"}
    both = [subprocess.Popen(command, env={**environment, "LOCAL_RANK": rank, "RANK": rank}) for rank in "01"]
    assert [process.wait(timeout=300) for process in both] == [0, 0]
    loaded = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    found, statistics = zip(*loaded, strict=True)
    assert torch.equal(*statistics)
    assert statistics[0].any()
    for (name, reduction, number), of_first, of_second in zip(OF_TWO, *found, strict=True):
        parts = list(zip(*of_two(name), strict=True))
        steps = [one_batch([b for pair in parts[i : i + number] for b in pair]) for i in range(0, len(parts), number)]
        module = module_of(name, reduction)
        seen = fit(module, steps, max_epochs=2)
        for key, value in module.model.state_dict().items():
            assert (of_first["weights"][key] - value).norm() <= 1e-5 * value.norm()
            assert torch.equal(of_first["weights"][key], of_second["weights"][key])
        assert_same(of_first["gradient"], seen.steps[0][2])
        if reduction != "sum" or number == 1:
            wanted = float(seen.trainer.callback_metrics["train/loss"])
            assert of_first["loss"] == pytest.approx(wanted, rel=1e-5)


def _one_of_two(folder: Path, rank: int) -> None:
    found = []
    for name, reduction, number in OF_TWO:
        module, options = module_of(name, reduction), {"accumulate_grad_batches": number, "max_epochs": 2}
        options |= {"strategy": "ddp", "devices": 2, "use_distributed_sampler": False}
        seen = fit(module, of_two(name)[rank], **options)
        loss = float(seen.trainer.callback_metrics["train/loss"])
        found.append({"weights": module.model.state_dict(), "gradient": seen.steps[0][2], "loss": loss})
    torch.save((found, _statistics(rank)), folder / f"{rank}.pt")


def _statistics(rank: int) -> Tensor:
    """Of a batch norm, as the last validation has them."""
    module = module_of("mse", "mean")
    module.model.idle = nn.BatchNorm1d(4)
    module.model.forward = lambda input: Net.forward(module.model, module.model.idle(input))  # type: ignore[method-assign]
    seen = Statistics()
    fit(module, of_two("mse")[rank][:2], seen, strategy="ddp", devices=2, use_distributed_sampler=False)
    return seen.found


if __name__ == "__main__":
    _one_of_two(Path(sys.argv[1]), int(os.environ["RANK"]))


@pytest.mark.parametrize("together", [1, 3])
def test_sample_weights_over_the_batches_of_a_step_and_of_an_epoch(together: int) -> None:
    batches = batches_of("class")
    for place, batch in enumerate(batches):
        weight = torch.arange(len(batch["target"]), dtype=torch.float32) * (place != 1)
        batch["weight"] = weight + (place in (2, 6))  # the second batch has no sample that counts

    def by_hand(net: nn.Module, some: list[dict[str, Any]]) -> Tensor:
        whole, per_class = one_batch(some), tensor(WEIGHT)
        given = {"weight": per_class, "ignore_index": 1, "label_smoothing": 0.1, "reduction": "none"}
        losses = F.cross_entropy(net(whole["input"]), whole["target"], **given)
        counts = torch.where(whole["target"] == 1, 0.0, per_class[whole["target"]])
        return (whole["weight"] * losses).sum() / (whole["weight"] * counts).sum().clamp_min(1e-12)

    module = module_of("cross_entropy weight", "mean")
    seen = fit(module, batches, accumulate_grad_batches=together)
    assert len(seen.steps) == -(-len(SIZES) // together)
    for weights, some, gradients in seen.steps:
        net = Net()
        net.load_state_dict(weights)
        torch.testing.assert_close(gradients, list(torch.autograd.grad(by_hand(net, some), trained(net))))
    found = seen.trainer.callback_metrics["val/loss"]
    torch.testing.assert_close(float(found), by_hand(module.model, batches).item(), rtol=1e-5, atol=1e-6)
