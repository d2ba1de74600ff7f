"""Measure the time of a step of every optimizer with default settings, next to torch's own class.

    OMP_NUM_THREADS=1 python benchmarks/optim.py
    OMP_NUM_THREADS=1 python benchmarks/optim.py --only adamw sgd --rounds 9

200 small tensors (weights and biases of 100 linear layers of 8 x 8) with given gradients; medians over rounds in which
the contenders take turns, as ratios. "groups": with param_groups=no_decay, relative to one group. Optimizers of two
parts are compared with torch's two optimizers, stepped one after the other.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

import lossbook
from lossbook.build import build
from lossbook.config.options import Options, conf_folder
from lossbook.config.resolve import plain
from lossbook.optim.capabilities import capability
from lossbook.optim.make import OptimizerFactory
from lossbook.optim.split import part_of
from lossbook.trust import OWN_CONFIG

LAYERS = 100
STEPS = 30  # per turn


class Network(nn.Module):
    """Small tensors, half of them vectors; embeddings instead of matrices for optimizers of sparse gradients."""

    def __init__(self, sparse: bool) -> None:
        super().__init__()
        self.model = nn.ModuleList(
            nn.ModuleDict({"weight": nn.Embedding(8, 8, sparse=sparse), "bias": nn.LayerNorm(8, bias=False)})
            if sparse
            else nn.Linear(8, 8)
            for _ in range(LAYERS)
        )
        generator = torch.Generator().manual_seed(0)
        for parameter in self.parameters():
            gradient = torch.randn(parameter.shape, generator=generator)
            parameter.grad = gradient.to_sparse(1) if sparse and parameter.ndim == 2 else gradient


def ours(config: dict[str, Any], sparse: bool) -> Callable[[], Any]:
    """Return a step as in a run."""
    return _step(OptimizerFactory(config, OWN_CONFIG)(Network(sparse)))


def plainly(config: dict[str, Any], sparse: bool) -> Callable[[], Any]:
    """Return a step of torch's class with the same hyperparameters, in one group, with the kernels it chooses."""
    network, node = Network(sparse), config["optim"]
    can, parts = capability(node["_target_"]), part_of(network, capability(node["_target_"]))
    named = dict(network.named_parameters())

    def made(part: str, node: dict[str, Any]) -> Optimizer:
        ours = ("_target_", "rest", "fused")
        parameters = [named[name] for name, taken in parts.items() if taken == part]
        arguments = {key: value for key, value in node.items() if key not in ours}
        optimizer: Optimizer = build({"_target_": node["_target_"], **arguments}, trust=OWN_CONFIG, params=parameters)
        return optimizer

    if not can.in_part:
        return _step(made("main", node))
    main, rest = made("main", node), made("rest", node["rest"])

    def both() -> None:
        main.step()
        rest.step()

    return both


def _step(optimizer: Optimizer) -> Callable[[], Any]:
    loss = torch.zeros(())

    def closure() -> Tensor:  # the gradients stay as they are
        return loss

    return lambda: optimizer.step(closure)


def measured(contenders: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Return the median seconds per step of each contender, which take turns."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, step in contenders.items():
            start = time.perf_counter()
            for _ in range(STEPS):
                step()
            if number:  # the first turn warms up
                times[name].append((time.perf_counter() - start) / STEPS)
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    names = Options([conf_folder()]).names("optim")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="OPTIM")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    print(f"{'optim':<12} {'torch, ms':>10} {'ours, ms':>10} {'torch / ours':>13} {'groups':>7}")
    for name in arguments.only:
        one, grouped = (
            plain(lossbook.compose(f"optim={name}", f"param_groups={groups}")) for groups in ("all", "no_decay")
        )
        if "weight_decay" in grouped["optim"]:  # or the preset has nothing to set apart
            grouped["optim"]["weight_decay"] = 0.01
        for key, _ in capability(one["optim"]["_target_"]).share_of_run:  # what follows from a run's length
            one["optim"][key] = grouped["optim"][key] = 1
        sparse = capability(one["optim"]["_target_"]).sparse == "only"
        contenders = {"torch": plainly(one, sparse), "ours": ours(one, sparse), "groups": ours(grouped, sparse)}
        took = measured(contenders, arguments.rounds)
        faster, groups = took["torch"] / took["ours"], took["groups"] / took["ours"]
        times = f"{took['torch'] * 1e3:>10.3f} {took['ours'] * 1e3:>10.3f}"
        print(f"{name:<12} {times} {faster:>13.2f} {groups:>7.2f}", flush=True)


if __name__ == "__main__":
    main()
