"""Compare Muon with its update rule in numpy, and L-BFGS with the two-loop recursion and scipy's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import scipy.optimize
import torch

from lossbook.build import build
from lossbook.config.options import Options, conf_folder

Array = np.ndarray[Any, np.dtype[np.float64]]
STEPS = 20


def node(name: str, **changed: Any) -> dict[str, Any]:
    """The option's own node, without the second optimizer."""
    found = {**Options([conf_folder()]).stated(f"optim/{name}")[0], **changed}
    found.pop("rest", None)
    return found


def rounded(values: Array) -> Array:
    """To bfloat16, to the nearest even, as torch iterates in."""
    bits = values.astype(np.float32).view(np.uint32)
    even = ((bits >> 16) & 1) + np.uint32(0x7FFF)
    return ((bits + even) & np.uint32(0xFFFF0000)).view(np.float32)


def orthogonal(update: Array, coefficients: Sequence[float], steps: int, eps: float) -> Array:
    """The quintic Newton-Schulz iteration of Jordan and others: singular values go to about 1."""
    a, b, c = coefficients
    x = rounded(update if update.shape[0] <= update.shape[1] else update.T)
    x = rounded(x / max(np.linalg.norm(x), eps))
    for _ in range(steps):
        gram = rounded(x @ x.T)
        x = rounded(a * x + rounded(b * gram + c * gram @ gram) @ x)
    return x if update.shape[0] <= update.shape[1] else x.T


def muon(w: Array, grads: Sequence[Array], **options: Any) -> Array:
    lr, mu, (rows, columns) = options["lr"], options["momentum"], w.shape
    scale = {
        None: np.sqrt(max(1, rows / columns)),
        "match_rms_adamw": 0.2 * np.sqrt(max(rows, columns)),
        "spectral_unclamped": np.sqrt(rows / columns),
    }[options["adjust_lr_fn"]]
    buffer = np.zeros_like(w)
    for grad in grads:
        buffer = mu * buffer + (1 - mu) * grad
        update = mu * buffer + (1 - mu) * grad if options["nesterov"] else buffer
        w = w * (1 - lr * options["weight_decay"])
        w = w - lr * scale * orthogonal(update, options["ns_coefficients"], options["ns_steps"], options["eps"])
    return w


MUON: list[dict[str, Any]] = [
    {},
    {"nesterov": False, "momentum": 0.8, "weight_decay": 0.5, "lr": 0.1},
    {"adjust_lr_fn": "spectral_unclamped", "ns_steps": 3},
    {"adjust_lr_fn": None, "ns_coefficients": [2.0, -1.5, 0.5], "ns_steps": 8},
]


@pytest.mark.parametrize("shape", [(6, 4), (3, 7)])
@pytest.mark.parametrize("changed", MUON, ids=str)
def test_twenty_steps_of_muon(changed: dict[str, Any], shape: tuple[int, int]) -> None:
    options = node("muon", **changed)
    generator = np.random.default_rng(0)
    weights = generator.normal(size=shape).astype(np.float32)
    grads = generator.normal(size=(STEPS, *shape)).astype(np.float32)
    parameter = torch.nn.Parameter(torch.tensor(weights))
    optimizer = build(options, params=[parameter])
    for grad in grads:
        parameter.grad = torch.tensor(grad)
        optimizer.step()
    expected = muon(weights, grads, **options)
    moved = np.linalg.norm(expected - weights)
    assert moved > 1e-3
    # the last bits of bfloat16 depend on the order of sums
    assert np.linalg.norm(parameter.detach().numpy() - expected) < 0.01 * moved


def test_the_iteration_makes_orthogonal() -> None:
    update = np.random.default_rng(0).normal(size=(5, 8))
    values = np.linalg.svd(orthogonal(update, [3.4445, -4.775, 2.0315], 5, 1e-7), compute_uv=False)
    assert values.min() > 0.6
    assert values.max() < 1.3


MATRIX = np.random.default_rng(3).normal(size=(12, 5))
SIDE = np.random.default_rng(4).normal(size=12)


def bowl(x: Array) -> float:
    """A smooth convex function that is not quadratic."""
    return float(np.sum(np.log(np.cosh(MATRIX @ x - SIDE))) + 0.05 * x @ x)


def slope(x: Array) -> Array:
    return MATRIX.T @ np.tanh(MATRIX @ x - SIDE) + 0.1 * x


def in_torch(options: dict[str, Any], start: Array, steps: int) -> Array:
    parameter = torch.nn.Parameter(torch.tensor(start))
    optimizer = build(options, params=[parameter])
    matrix, side = torch.tensor(MATRIX), torch.tensor(SIDE)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = torch.log(torch.cosh(matrix @ parameter - side)).sum() + 0.05 * parameter @ parameter
        loss.backward()
        return loss

    for _ in range(steps):
        optimizer.step(closure)
    return parameter.detach().numpy()


def two_loops(x: Array, lr: float, memory: int, iterations: int) -> Array:
    """Nocedal and Wright, algorithm 7.4, with a first step of length min(1, 1/|g|) lr, then lr."""
    pairs: list[tuple[Array, Array]] = []
    grad = slope(x)
    for k in range(iterations):
        direction, alphas = -grad, []
        for s, y in reversed(pairs):
            alphas.append(s @ direction / (y @ s))
            direction = direction - alphas[-1] * y
        if pairs:
            s, y = pairs[-1]
            direction = direction * (y @ s) / (y @ y)
        for (s, y), alpha in zip(pairs, reversed(alphas), strict=True):
            direction = direction + s * (alpha - y @ direction / (y @ s))
        step = direction * lr * (1 if k else min(1.0, 1.0 / np.abs(grad).sum()))
        x, before, grad = x + step, grad, slope(x + step)
        pairs = [*pairs, (step, grad - before)][-memory:]
    return x


@pytest.mark.parametrize(("lr", "memory", "inner"), [(0.3, 100, 1), (0.3, 3, 1), (0.15, 4, 2)])
def test_twenty_steps_of_lbfgs_without_a_line_search(lr: float, memory: int, inner: int) -> None:
    """Make ``inner`` iterations a step, which continue where the previous step stopped."""
    options = node("lbfgs", lr=lr, history_size=memory, line_search_fn=None, max_iter=inner, max_eval=9)
    start = np.ones(5)
    expected = two_loops(start, lr, memory, STEPS * inner)
    np.testing.assert_allclose(in_torch(options, start, STEPS), expected, rtol=1e-6, atol=1e-8)
    assert bowl(expected) < bowl(start)


def test_lbfgs_with_a_line_search_finds_what_scipy_finds() -> None:
    found = in_torch(node("lbfgs", lr=1.0, line_search_fn="strong_wolfe"), np.ones(5), 3)
    best = scipy.optimize.minimize(bowl, np.ones(5), jac=slope, method="L-BFGS-B", options={"ftol": 1e-15})
    np.testing.assert_allclose(found, best.x, atol=1e-5)
    assert bowl(found) <= best.fun + 1e-10
