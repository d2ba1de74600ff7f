from __future__ import annotations

import inspect
import subprocess
import sys

import pytest
import torch

from lossbook.build import target
from lossbook.optim.capabilities import CAPABILITIES, UNKNOWN, capability
from lossbook.trust import OWN_CONFIG


@pytest.mark.parametrize("path", CAPABILITIES)
def test_fused_is_what_torch_does_on_this_device(path):
    optimizer = target(path, trust=OWN_CONFIG)
    assert ("fused" in inspect.signature(optimizer).parameters) >= CAPABILITIES[path].fused
    weights = []
    for options in ({"fused": True} if CAPABILITIES[path].fused else {}, {"foreach": False}):
        weight = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
        stepping = optimizer([weight], lr=0.1, **options)
        for _ in range(3):
            weight.grad = torch.tensor([0.5, 1.0])
            stepping.step()
        weights.append(weight.detach())
    torch.testing.assert_close(*weights)


def test_nothing_is_taken_for_granted_of_a_stranger():
    assert capability("someones.Optimizer") is UNKNOWN
    assert not UNKNOWN.fused


def test_every_option_of_ours_is_in_the_table():
    import yaml

    from lossbook.composing.options import conf_folder

    for file in (conf_folder() / "optim").glob("*.yaml"):
        assert yaml.safe_load(file.read_text())["_target_"] in CAPABILITIES


def test_the_table_needs_no_torch():
    code = "import sys, lossbook.optim.capabilities; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
