"""Two optimizers behind one interface do what they do separately."""

from __future__ import annotations

import copy
import io
import pickle
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim import Adagrad, Adam, AdamW, Muon, SparseAdam

from lossbook.optim.split import Split, part_of

SPARSE: Any = SimpleNamespace(sparse="only", takes="all")
MATRICES: Any = SimpleNamespace(sparse="no", takes="matrices")
ANY: Any = SimpleNamespace(sparse="no", takes="all")
KINDS: dict[str, Any] = {
    "sparse_adam": (SPARSE, partial(SparseAdam, lr=0.1), partial(Adam, lr=0.01, fused=True)),
    "muon": (MATRICES, partial(Muon, lr=0.1), partial(AdamW, lr=0.01, weight_decay=0.1)),
}


class Net(nn.Module):
    def __init__(self, sparse: bool = True) -> None:
        super().__init__()
        self.table = nn.EmbeddingBag(9, 4, sparse=sparse)
        self.norm = nn.LayerNorm(4)
        self.hidden, self.head = nn.Linear(4, 6), nn.Linear(6, 3)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.head(self.hidden(self.norm(self.table(tokens))).relu())


def make(kind: str, net: nn.Module, split: bool = True) -> list[torch.optim.Optimizer]:
    """One split optimizer, or the two that it is made of."""
    capability, *factories = KINDS[kind]
    parts = part_of(net, capability)
    made = []
    for part, factory in zip(("main", "rest"), factories, strict=True):
        named = [(name, parameter) for name, parameter in net.named_parameters() if parts[name] == part]
        vectors = [pair for pair in named if pair[1].ndim < 2]
        groups = [{"params": [pair for pair in named if pair[1].ndim >= 2], "name": f"{part}-a"}]
        groups += [{"params": vectors, "name": f"{part}-b", "lr": 0.003}] if vectors else []
        made.append((factory, [group for group in groups if group["params"]]))
    return [Split(made)] if split else [factory(params=groups) for factory, groups in made]


def network(kind: str) -> Net:
    torch.manual_seed(0)
    return Net(sparse=kind == "sparse_adam")


def train(net: nn.Module, optimizers: list[torch.optim.Optimizer], steps: range) -> None:
    for step in steps:
        draw = torch.Generator().manual_seed(step)
        tokens, target = torch.randint(9, (8, 5), generator=draw), torch.randint(3, (8,), generator=draw)
        for optimizer in optimizers:
            optimizer.zero_grad()
        F.cross_entropy(net(tokens), target).backward()
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] *= 0.9
            optimizer.step()


def equal(left: nn.Module, right: nn.Module) -> bool:
    return all(torch.equal(p, q) for p, q in zip(left.parameters(), right.parameters(), strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_it_steps_as_the_two_do(kind: str) -> None:
    net, other = network(kind), network(kind)
    train(net, make(kind, net), range(20))
    train(other, make(kind, other, split=False), range(20))
    assert equal(net, other)
    assert not equal(net, network(kind))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", ["state_dict", "pickle", "deepcopy"])
def test_it_goes_on_bit_for_bit(kind: str, way: str) -> None:
    whole = network(kind)
    train(whole, make(kind, whole), range(10))
    net = network(kind)
    (optimizer,) = make(kind, net)
    train(net, [optimizer], range(5))
    if way == "state_dict":
        file = io.BytesIO()
        torch.save({"net": net.state_dict(), "optimizer": optimizer.state_dict()}, file)
        file.seek(0)
        saved = torch.load(file, weights_only=True)
        net = network(kind)
        (optimizer,) = make(kind, net)
        net.load_state_dict(saved["net"])
        optimizer.load_state_dict(saved["optimizer"])
    elif way == "pickle":
        net, optimizer = pickle.loads(pickle.dumps((net, optimizer)))
    else:
        net, optimizer = copy.deepcopy((net, optimizer))
    train(net, [optimizer], range(5, 10))
    assert equal(net, whole)


def test_a_part_leaves_the_others_state_alone_and_keeps_what_it_begins_with() -> None:
    """Adagrad reads the first state that it finds, and Adam rewrites every step."""
    net = network("muon")
    KINDS["muon and adagrad"] = (MATRICES, partial(Muon, lr=0.1), partial(Adagrad, initial_accumulator_value=0.5))
    try:
        split, plain = make("muon and adagrad", net), make("muon and adagrad", other := network("muon"), split=False)
    finally:
        del KINDS["muon and adagrad"]
    assert {float(split[0].state[net.norm.weight]["sum"][0])} == {0.5}
    train(net, split, range(3))
    split[0].load_state_dict(split[0].state_dict())
    train(net, split, range(3, 6))
    train(other, plain, range(6))
    assert equal(net, other)
    tables = network("sparse_adam")
    (optimizer,) = make("sparse_adam", tables)
    train(tables, [optimizer], range(2))
    optimizer.load_state_dict(optimizer.state_dict())
    assert type(optimizer.state[tables.table.weight]["step"]) is int


@pytest.mark.parametrize("kind", KINDS)
def test_groups_and_state_are_those_of_the_parts(kind: str) -> None:
    net = network(kind)
    (optimizer,) = make(kind, net)
    for load in (False, True):
        if load:
            optimizer.load_state_dict(optimizer.state_dict())
        theirs = [group for part in optimizer.parts for group in part.param_groups]  # type: ignore[attr-defined]
        assert len(theirs) == len(optimizer.param_groups)
        assert all(one is other for one, other in zip(theirs, optimizer.param_groups, strict=True))
        train(net, [optimizer], range(2))
        assert all(part.state is optimizer.state for part in optimizer.parts)  # type: ignore[attr-defined]
        assert len(optimizer.state) == len(list(net.parameters()))
    groups = optimizer.state_dict()["param_groups"]
    assert sorted(name for group in groups for name in group["param_names"]) == sorted(
        name for name, _ in net.named_parameters()
    )
    assert [group["name"] for group in groups] == [group["name"] for group in optimizer.param_groups]
    # no hyperparameter of one part is in the other's groups
    assert ("ns_steps" in groups[0], "ns_steps" in groups[-1]) == (kind == "muon", False)
    assert ("fused" in groups[0], "fused" in groups[-1]) == (False, True)


def test_a_closure_is_called_once_and_hooks_too() -> None:
    net = network("muon")
    (optimizer,) = make("muon", net)
    calls: list[str] = []

    def closure() -> torch.Tensor:
        calls.append("closure")
        optimizer.zero_grad()
        loss = net(torch.zeros(2, 3, dtype=torch.int64)).square().sum()
        loss.backward()
        return loss

    optimizer.register_step_pre_hook(lambda *_: calls.append("before"))
    optimizer.register_step_post_hook(lambda *_: calls.append("after"))
    with torch.no_grad():
        loss = optimizer.step(closure)
    assert calls == ["before", "closure", "after"]
    assert loss > 0
    optimizer.zero_grad()
    assert all(parameter.grad is None for parameter in net.parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_a_schedule_of_torchs_moves_every_group(kind: str) -> None:
    (optimizer,) = make(kind, network(kind))
    before = [group["lr"] for group in optimizer.param_groups]
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5**step)
    optimizer.step()
    schedule.step()
    theirs = [group["lr"] for part in optimizer.parts for group in part.param_groups]  # type: ignore[attr-defined]
    assert theirs == [lr / 2 for lr in before]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_gradient_scaler_unscales_once_and_skips_what_is_not_finite(kind: str, device: str) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no GPU")
    net, other = network(kind).to(device), network(kind).to(device)
    (optimizer,), plain = make(kind, net), make(kind, other, split=False)
    scaler = torch.amp.GradScaler(device, init_scale=1024.0)
    tokens = torch.randint(9, (8, 5), generator=torch.Generator().manual_seed(0)).to(device)
    for _ in range(3):
        optimizer.zero_grad()
        scaler.scale(net(tokens).square().mean()).backward()
        scaler.step(optimizer)
        scaler.update()
        for each in plain:
            each.zero_grad()
        other(tokens).square().mean().backward()
        for each in plain:
            each.step()
    for mine, theirs in zip(net.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs)  # 1024 is a power of two, but tiny gradients round
    before = copy.deepcopy(net)
    optimizer.zero_grad()
    scaler.scale(net(tokens).square().mean() * torch.inf).backward()
    scaler.step(optimizer)
    scaler.update()
    assert equal(net, before)
    assert scaler.get_scale() == 512


def test_parameters_belong_to_one_part_and_none_comes_later() -> None:
    net = network("muon")
    groups = [{"params": [("w", net.head.weight)]}]
    with pytest.raises(ValueError, match="more than one"):
        Split([(partial(Muon), groups), (partial(AdamW), copy.copy([{"params": [("w", net.head.weight)]}]))])
    (optimizer,) = make("muon", net)
    with pytest.raises(AssertionError):
        optimizer.add_param_group({"params": [nn.Parameter(torch.zeros(2))]})


def test_who_takes_what() -> None:
    net = nn.Module()
    net.bag = nn.EmbeddingBag(9, 4, sparse=True)
    net.table = nn.Embedding(9, 4, sparse=True)
    net.dense = nn.Embedding(9, 4)
    net.tied, net.head = nn.Embedding(9, 4, sparse=True), nn.Linear(4, 9)
    net.head.weight = net.tied.weight  # used densely, too: its gradient is dense
    net.conv, net.norm = nn.Conv2d(1, 2, 3), nn.LayerNorm(4)
    net.hidden = nn.Linear(4, 4)
    net.temperature = nn.Parameter(torch.zeros(()))

    def main(capability: Any) -> set[str]:
        parts = part_of(net, capability)
        assert parts.keys() == dict(net.named_parameters()).keys()
        return {name for name, part in parts.items() if part == "main"}

    assert main(SPARSE) == {"bag.weight", "table.weight"}
    assert main(MATRICES) == {"hidden.weight"}  # not the head's: it is a table as well
    assert main(ANY) == dict(net.named_parameters()).keys()


def test_a_table_shared_by_two_sparse_users_is_sparse() -> None:
    net = nn.Module()
    net.a, net.b = nn.Embedding(9, 4, sparse=True), nn.EmbeddingBag(9, 4, sparse=True)
    net.b.weight = net.a.weight
    assert part_of(net, SPARSE) == {"a.weight": "main"}
    net.b.sparse = False
    assert part_of(net, SPARSE) == {"a.weight": "rest"}
