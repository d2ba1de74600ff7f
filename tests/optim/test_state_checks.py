from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from lossbook.optim.resume import Loading
from lossbook.optim.split import Split
from lossbook.optim.state_checks import state_problems

ALL = {
    "Adadelta": {}, "Adafactor": {}, "Adagrad": {}, "Adam": {"fused": True}, "AdamW": {"amsgrad": True}, "Adamax": {},
    "ASGD": {}, "LBFGS": {}, "NAdam": {}, "RAdam": {}, "RMSprop": {"momentum": 0.9, "centered": True}, "Rprop": {},
    "SGD": {"momentum": 0.9},
}  # fmt: skip


def made(name: str = "Adam", sparse: bool = False, **options: Any) -> tuple[nn.Module, Any]:
    """A network and its optimizer, whose groups have the names of their parameters."""
    torch.manual_seed(0)
    network: nn.Module = nn.Embedding(5, 3, sparse=True) if sparse else nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    group = {"params": list(network.parameters()), "param_names": [name for name, _ in network.named_parameters()]}
    return network, getattr(torch.optim, name)([group], lr=0.01, **options)


def stepped(network: nn.Module, optimizer: Any, steps: int = 2) -> dict[str, Any]:
    """The optimizer's state after some steps, as it comes out of a file."""

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        given = torch.tensor([1, 3]) if isinstance(network, nn.Embedding) else torch.ones(2, 4)
        loss: torch.Tensor = network(given).square().mean()
        loss.backward()
        return loss

    for _ in range(steps):
        optimizer.step(closure)
    found: dict[str, Any] = copy.deepcopy(optimizer.state_dict())
    return found


def said(optimizer: Any, saved: Any, **loading: Any) -> list[str]:
    return list(state_problems(optimizer, saved, Loading(**loading)))


@pytest.mark.parametrize("name", ALL)
def test_its_own_state_fits(name: str):
    saved = stepped(*made(name, **ALL[name]))
    network, optimizer = made(name, **ALL[name])
    before = copy.deepcopy(network.state_dict())
    assert said(optimizer, saved) == []
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert len(optimizer.state_dict()["state"]) == (2 * 2 if name == "Adagrad" else 0)  # as it was


@pytest.mark.parametrize("name", sorted(ALL.keys() - {"LBFGS"}))
@pytest.mark.parametrize(
    "damage",
    [
        lambda t: torch.zeros(0),
        lambda t: torch.zeros(*t.shape, 2),
        lambda t: t.to("meta"),
        lambda t: t * torch.nan,
        lambda t: t.float().to_sparse() if t.dim() else t.long(),
        lambda t: "x",
    ],
)
def test_every_tensor_of_it_is_held_against_a_first_step(name: str, damage: Any):
    saved = stepped(*made(name, **ALL[name]))
    for key, value in saved["state"][0].items():
        if isinstance(value, torch.Tensor):
            wrong = copy.deepcopy(saved)
            wrong["state"][0][key] = damage(value)
            assert any(f"state[0].{key}" in line for line in said(made(name, **ALL[name])[1], wrong)), key


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda s: s["state"][0].pop("exp_avg"), "exp_avg is missing"),
        (lambda s: s["state"][0].update(more=torch.ones(1)), "more is not part of this optimizer"),
        (lambda s: s["state"][0].update(step=torch.tensor(-1.0)), "step is negative"),
        (lambda s: s["state"][0].update(step=torch.tensor(2)), "step is () int64"),
        (lambda s: s["state"][0].update(exp_avg=torch.zeros(()).expand(3, 4)), "memory of its own"),
        (lambda s: s["state"][0].update(exp_avg=s["state"][0]["exp_avg_sq"]), "the same memory"),
        (lambda s: s["state"][0].update(exp_avg=nn.Parameter(torch.zeros(3, 4))), "plain tensor"),
        (lambda s: s["param_groups"][0].update(lr="x"), "lr is 'x'"),
        (lambda s: s["param_groups"][0].update(lr=float("nan")), "lr is nan"),
        (lambda s: s["param_groups"][0].update(betas=(0.9, 0.9, 0.9)), "betas has 3 values"),
        (lambda s: s["param_groups"][0].pop("lr"), "lr is missing"),
        (lambda s: s["param_groups"][0]["params"].pop(), "differ in number"),
    ],
)
def test_what_is_wrong_is_said(damage: Any, words: str):
    saved = stepped(*made())
    damage(saved)
    assert any(words in line for line in said(made()[1], saved))


def test_the_state_of_a_second_optimizer_is_called_by_its_number():
    saved = stepped(*made())
    saved["state"][0].pop("exp_avg")
    (line,) = state_problems(made()[1], saved, Loading(), number=1)
    assert line.startswith("optimizer_states[1].state[0].exp_avg")


def test_what_is_legitimate_is_taken():
    saved = stepped(*made(amsgrad=True))
    assert said(made()[1], saved) == []  # amsgrad was switched off
    assert said(made(amsgrad=True)[1], stepped(*made())) == []  # on: the state starts afresh
    saved["state"][0]["exp_avg"] = torch.zeros(0)
    assert said(made("SGD")[1], saved, fresh=True) == []  # another optimizer's, of which nothing is used
    network, optimizer = made()
    half = made()[0].double()
    assert said(made()[1], stepped(network, optimizer)) == []
    wider = torch.optim.Adam([{"params": list(half.parameters()), "param_names": list(dict(half.named_parameters()))}])
    assert said(wider, stepped(*made())) == []  # another precision


def test_sparse_gradients_and_two_optimizers_in_one():
    saved = stepped(*made("SparseAdam", sparse=True))
    assert said(made("SparseAdam", sparse=True)[1], saved) == []
    saved["state"][0]["exp_avg"] = torch.zeros(4, 3)
    assert said(made("SparseAdam", sparse=True)[1], saved)

    def split() -> tuple[nn.Module, Split]:
        network = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
        groups = [[{"params": [p], "param_names": [n]}] for n, p in network.named_parameters()]
        return network, Split([(torch.optim.Adam, groups[0] + groups[1]), (torch.optim.RMSprop, groups[2] + groups[3])])

    saved = stepped(*split())
    assert said(split()[1], saved) == []
    saved["state"][2]["square_avg"] = torch.zeros(1)
    assert any("state[2].square_avg" in line for line in said(split()[1], saved))


@pytest.mark.parametrize(
    ("key", "value"),
    [("d", torch.zeros(3)), ("n_iter", -1), ("old_dirs", [torch.zeros(22)]), ("prev_flat_grad", None), ("ro", "x")],
)
def test_the_one_state_of_lbfgs(key: str, value: Any):
    saved = stepped(*made("LBFGS"))
    saved["state"][0][key] = value
    assert said(made("LBFGS")[1], saved)
