"""Compare the table of capabilities with torch's behaviour."""

from __future__ import annotations

import inspect
import subprocess
import sys
import warnings
from typing import Any

import pytest
import torch
from torch import nn

from lossbook.build import target
from lossbook.config.options import Options, conf_folder
from lossbook.optim.capabilities import CAPABILITIES, UNKNOWN, capability
from lossbook.trust import OWN_CONFIG


def optimizer_class(path: str) -> Any:
    return target(path, trust=OWN_CONFIG)


def step(path: str, sparse: bool, **options: Any) -> str:
    """Return torch's error in three steps on an embedding."""
    table = nn.Embedding(6, 3, sparse=sparse)
    optimizer = optimizer_class(path)([table.weight], lr=0.1, **options)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = table(torch.tensor([0, 1, 1, 3])).square().sum()
        loss.backward()
        return loss

    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sparse invariant checks")  # torch's own, once a process
            for _ in range(3):
                if CAPABILITIES[path].closure:
                    optimizer.step(closure)
                else:
                    closure()
                    optimizer.step()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        return str(error)
    return ""


@pytest.mark.parametrize("path", CAPABILITIES)
def test_fused_is_what_torch_does_on_this_device(path):
    optimizer = optimizer_class(path)
    assert ("fused" in inspect.signature(optimizer).parameters) == CAPABILITIES[path].fused
    if not CAPABILITIES[path].fused:
        return
    weights = []
    for options in ({"fused": True}, {"foreach": False}):
        weight = nn.Parameter(torch.tensor([1.0, -2.0]))
        stepping = optimizer([weight], lr=0.1, **options)
        for _ in range(3):
            weight.grad = torch.tensor([0.5, 1.0])
            stepping.step()
        weights.append(weight.detach())
    torch.testing.assert_close(*weights)


@pytest.mark.parametrize("path", CAPABILITIES)
def test_sparse_gradients(path):
    can = CAPABILITIES[path]
    assert (step(path, sparse=True) == "") == (can.sparse != "no")
    assert (step(path, sparse=False) == "") == (can.sparse != "only")
    if can.sparse == "accepts" and can.fused:
        assert "sparse" in step(path, sparse=True, fused=True)
        assert "sparse" in step(path, sparse=True, weight_decay=0.1)


@pytest.mark.parametrize("path", CAPABILITIES)
def test_signatures(path):
    can, parameters = CAPABILITIES[path], inspect.signature(optimizer_class(path)).parameters
    assert ("weight_decay" in parameters) == can.weight_decay
    assert all(name in parameters for name, _ in can.share_of_run)
    step_method = inspect.signature(optimizer_class(path).step).parameters["closure"]
    assert (step_method.default is inspect.Parameter.empty) == can.closure


@pytest.mark.parametrize("path", CAPABILITIES)
def test_groups_and_the_shapes_that_are_taken(path):
    can = CAPABILITIES[path]
    two = [{"params": [nn.Parameter(torch.zeros(2, 2))], "lr": 0.1} for _ in range(2)]
    vector = [nn.Parameter(torch.zeros(2))]
    for accepted, params in ((can.groups, two), (can.takes == "all", vector)):
        try:
            optimizer_class(path)(params)
        except ValueError:
            assert not accepted
        else:
            assert accepted


@pytest.mark.parametrize("path", [path for path, can in CAPABILITIES.items() if not can.closure and not can.in_part])
def test_whether_a_schedule_acts_and_averages_are_kept(path):
    """With a learning rate of 0 from the third step nothing moves, unless it is only the initial step size."""
    weight = nn.Parameter(torch.ones(2, 2))
    optimizer = optimizer_class(path)([weight], lr=0.1)
    for number in range(6):
        before = weight.detach().clone()
        if number == 2:
            optimizer.param_groups[0]["lr"] = 0.0
        weight.grad = torch.ones(2, 2)
        optimizer.step()
    assert torch.equal(before, weight.detach()) == CAPABILITIES[path].schedule
    key = CAPABILITIES[path].averages
    assert ("ax" in optimizer.state[weight]) == (key is not None)


def test_differentiable_steps_fail_on_a_models_weights():
    """Which is why they are refused."""
    for path in CAPABILITIES:
        if "differentiable" in inspect.signature(optimizer_class(path)).parameters:
            assert "in-place" in step(path, sparse=False, differentiable=True)


def test_clipping_sparse_gradients():
    """Clipping by norm is correct, by value it fails, which is why that is refused."""
    table = nn.Embedding(6, 3, sparse=True)
    (100 * table(torch.tensor([0, 1, 1, 3]))).sum().backward()
    nn.utils.clip_grad_norm_(table.parameters(), 1.0)
    assert table.weight.grad is not None
    assert float(table.weight.grad.to_dense().norm()) == pytest.approx(1.0, rel=1e-4)
    with pytest.raises(NotImplementedError):
        nn.utils.clip_grad_value_(table.parameters(), 1.0)


def test_nothing_is_taken_for_granted_of_a_stranger():
    assert capability("someones.Optimizer") is UNKNOWN
    assert not UNKNOWN.fused
    assert not UNKNOWN.in_part


def test_the_table_and_the_options_are_one_to_one():
    options = Options([conf_folder()])
    assert sorted(options.stated(f"optim/{name}")[0]["_target_"] for name in options.names("optim")) == sorted(
        CAPABILITIES
    )


def test_the_table_needs_no_torch():
    code = "import sys, lossbook.optim.capabilities; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
