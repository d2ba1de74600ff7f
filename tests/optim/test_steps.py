"""Compare twenty steps of each optimizer, built from its option, with its update rule in numpy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch

from lossbook.build import build
from lossbook.config.options import Options, conf_folder

Array = np.ndarray[Any, np.dtype[np.float64]]
Grads = Sequence[Array]
STEPS = 20


def node(name: str, **changed: Any) -> dict[str, Any]:
    """The option's own node, without the second optimizer of those that have one."""
    found = {**Options([conf_folder()]).stated(f"optim/{name}")[0], **changed}
    found.pop("rest", None)
    return found


def drawn(*shape: int, steps: int = STEPS, seed: int = 0) -> tuple[Array, list[Array]]:
    generator = np.random.default_rng(seed)
    return generator.normal(size=shape), [generator.normal(size=shape) for _ in range(steps)]


def stepped(options: dict[str, Any], weights: Sequence[Array], grads: Sequence[Grads]) -> tuple[list[Array], Any]:
    """The weights after a step for each gradient, and the optimizer."""
    parameters = [torch.nn.Parameter(torch.tensor(weight)) for weight in weights]
    optimizer = build(options, params=parameters)
    for each in zip(*grads, strict=True):
        for parameter, grad in zip(parameters, each, strict=True):
            parameter.grad = torch.tensor(grad)
        optimizer.step()
    return [parameter.detach().numpy() for parameter in parameters], optimizer


def decayed(grad: Array, w: Array, weight_decay: float) -> Array:
    return grad + weight_decay * w


def sgd(w: Array, grads: Grads, lr, momentum, dampening, weight_decay, nesterov, **_: Any) -> Array:
    buffer = None
    for grad in grads:
        grad = decayed(grad, w, weight_decay)
        buffer = grad if buffer is None else momentum * buffer + (1 - dampening) * grad
        w = w - lr * (grad + momentum * buffer if nesterov else buffer)
    return w


def asgd_path(w: Array, grads: Grads, lr, lambd, alpha, weight_decay, **_: Any) -> list[Array]:
    path = []
    for t, grad in enumerate(grads):
        eta = lr / (1 + lambd * lr * t) ** alpha
        w = (1 - lambd * eta) * w - eta * decayed(grad, w, weight_decay)
        path.append(w)
    return path


def asgd(w: Array, grads: Grads, **options: Any) -> Array:
    return asgd_path(w, grads, **options)[-1]


def rprop(w: Array, grads: Grads, lr, etas, step_sizes, **_: Any) -> Array:
    size, before = np.full_like(w, lr), np.zeros_like(w)
    for grad in grads:
        agreed = np.sign(grad * before)
        size = np.clip(size * np.choose(agreed.astype(int) + 1, [etas[0], 1.0, etas[1]]), *step_sizes)
        before = np.where(agreed < 0, 0.0, grad)
        w = w - size * np.sign(before)
    return w


def adagrad(w: Array, grads: Grads, lr, lr_decay, weight_decay, initial_accumulator_value, eps, **_: Any) -> Array:
    total = np.full_like(w, initial_accumulator_value)
    for t, grad in enumerate(grads):
        grad = decayed(grad, w, weight_decay)
        total = total + grad**2
        w = w - lr / (1 + t * lr_decay) * grad / (np.sqrt(total) + eps)
    return w


def adadelta(w: Array, grads: Grads, lr, rho, eps, weight_decay, **_: Any) -> Array:
    squares, moves = np.zeros_like(w), np.zeros_like(w)
    for grad in grads:
        grad = decayed(grad, w, weight_decay)
        squares = rho * squares + (1 - rho) * grad**2
        move = np.sqrt(moves + eps) / np.sqrt(squares + eps) * grad
        moves = rho * moves + (1 - rho) * move**2
        w = w - lr * move
    return w


def rmsprop(w: Array, grads: Grads, lr, alpha, eps, weight_decay, momentum, centered, **_: Any) -> Array:
    squares, mean, buffer = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
    for grad in grads:
        grad = decayed(grad, w, weight_decay)
        squares = alpha * squares + (1 - alpha) * grad**2
        mean = alpha * mean + (1 - alpha) * grad
        buffer = momentum * buffer + grad / (np.sqrt(squares - centered * mean**2) + eps)
        w = w - lr * buffer
    return w


def moments(w: Array, grads: Grads, betas, weight_decay, lr, decoupled):
    """Yield what all variants of Adam share: step, weights, gradient and both means, without bias correction."""
    first, second = np.zeros_like(w), np.zeros_like(w)
    for t, grad in enumerate(grads, start=1):
        w = w * (1 - lr * weight_decay) if decoupled else w
        grad = grad if decoupled else decayed(grad, w, weight_decay)
        first = betas[0] * first + (1 - betas[0]) * grad
        second = betas[1] * second + (1 - betas[1]) * grad**2
        w = yield t, w, grad, first, second


def along(family: Any, move: Callable[..., Array]) -> Array:
    """Send each new weight into the generator; return the last."""
    sent: Any = None
    w: Any = None
    while True:
        try:
            t, before, *rest = family.send(sent)
        except StopIteration:
            return w
        w = sent = before - move(t, *rest)


def adam(w, grads, lr, betas, eps, weight_decay, amsgrad, decoupled_weight_decay=False, **_: Any) -> Array:
    largest = np.zeros_like(w)

    def move(t, grad, first, second):
        largest[:] = np.maximum(largest, second)
        held = largest if amsgrad else second
        return lr * first / (1 - betas[0] ** t) / (np.sqrt(held / (1 - betas[1] ** t)) + eps)

    return along(moments(w, grads, betas, weight_decay, lr, decoupled_weight_decay), move)


def adamw(w: Array, grads: Grads, **options: Any) -> Array:
    return adam(w, grads, **options, decoupled_weight_decay=True)


def adamax(w: Array, grads: Grads, lr, betas, eps, weight_decay, **_: Any) -> Array:
    largest = np.zeros_like(w)

    def move(t, grad, first, second):
        largest[:] = np.maximum(betas[1] * largest, np.abs(grad) + eps)
        return lr / (1 - betas[0] ** t) * first / largest

    return along(moments(w, grads, betas, weight_decay, lr, False), move)


def nadam(w, grads, lr, betas, eps, weight_decay, momentum_decay, decoupled_weight_decay, **_: Any) -> Array:
    def mu(t):
        return betas[0] * (1 - 0.5 * 0.96 ** (t * momentum_decay))

    def move(t, grad, first, second):
        product = np.prod([mu(i) for i in range(1, t + 1)])
        ahead = mu(t + 1) * first / (1 - product * mu(t + 1)) + (1 - mu(t)) * grad / (1 - product)
        return lr * ahead / (np.sqrt(second / (1 - betas[1] ** t)) + eps)

    return along(moments(w, grads, betas, weight_decay, lr, decoupled_weight_decay), move)


def radam(w, grads, lr, betas, eps, weight_decay, decoupled_weight_decay, **_: Any) -> Array:
    bound = 2 / (1 - betas[1]) - 1

    def move(t, grad, first, second):
        length = bound - 2 * t * betas[1] ** t / (1 - betas[1] ** t)
        mean = first / (1 - betas[0] ** t)
        if length <= 5:
            return lr * mean
        rectified = (length - 4) * (length - 2) * bound / ((bound - 4) * (bound - 2) * length)
        return lr * mean * np.sqrt(rectified) * np.sqrt(1 - betas[1] ** t) / (np.sqrt(second) + eps)

    return along(moments(w, grads, betas, weight_decay, lr, decoupled_weight_decay), move)


def adafactor(w: Array, grads: Grads, lr, beta2_decay, eps, d, weight_decay, **_: Any) -> Array:
    least, rows, columns, squares = eps[0] or np.finfo(w.dtype).eps, 0.0, 0.0, 0.0
    for t, grad in enumerate(grads, start=1):
        new = t**beta2_decay
        size = max(eps[1], float(np.sqrt(np.mean(w**2)))) * min(lr, 1 / np.sqrt(t))
        w = w * (1 - lr * weight_decay)
        if w.ndim > 1:
            rows = (1 - new) * rows + new * np.mean(grad**2, axis=-1, keepdims=True)
            columns = (1 - new) * columns + new * np.mean(grad**2, axis=-2, keepdims=True)
            held = rows * columns / np.maximum(np.mean(rows, axis=-2, keepdims=True), least)
        else:
            held = squares = (1 - new) * squares + new * grad**2
        update = grad / np.sqrt(np.maximum(held, least**2))
        w = w - size * update / max(1.0, float(np.sqrt(np.mean(update**2))) / d)
    return w


RULES: dict[str, Callable[..., Array]] = {
    "sgd": sgd, "asgd": asgd, "rprop": rprop, "adagrad": adagrad, "adadelta": adadelta, "rmsprop": rmsprop,
    "adam": adam, "adamax": adamax, "adamw": adamw, "nadam": nadam, "radam": radam, "adafactor": adafactor,
}  # fmt: skip
LOOSE = {"asgd": 1e-6, "nadam": 1e-6}  # torch keeps a scalar of their state in single precision
FUSED = ("sgd", "adagrad", "adam", "adamw")
OTHERS: list[tuple[str, dict[str, Any]]] = [
    ("sgd", {"momentum": 0.8, "nesterov": True, "weight_decay": 0.1}),
    ("sgd", {"momentum": 0.8, "dampening": 0.3}),
    ("sgd", {"momentum": 0.0, "weight_decay": 0.1}),
    ("asgd", {"lambd": 0.05, "alpha": 0.5, "weight_decay": 0.1}),
    ("rprop", {"lr": 0.1, "etas": [0.3, 1.5], "step_sizes": [0.05, 0.3]}),
    ("adagrad", {"lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.2, "eps": 1e-3}),
    ("adadelta", {"rho": 0.7, "eps": 1e-3, "weight_decay": 0.1}),
    ("rmsprop", {"momentum": 0.8, "centered": True, "alpha": 0.8, "weight_decay": 0.1}),
    ("adam", {"amsgrad": True, "betas": [0.7, 0.8], "weight_decay": 0.1}),
    ("adam", {"decoupled_weight_decay": True, "weight_decay": 0.1, "eps": 1e-2}),
    ("adamax", {"betas": [0.7, 0.8], "weight_decay": 0.1}),
    ("adamw", {"amsgrad": True, "weight_decay": 0.5}),
    ("nadam", {"momentum_decay": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("radam", {"betas": [0.7, 0.8], "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("adafactor", {"lr": 0.5, "beta2_decay": -0.5, "d": 1.1, "weight_decay": 0.1, "eps": [1e-3, 0.1]}),
]  # fmt: skip
CASES = [*((name, {}) for name in RULES), *OTHERS, *((name, {"foreach": True}) for name in RULES)]
CASES += [(name, {**changed, "fused": True}) for name, changed in [*((n, {}) for n in FUSED), *OTHERS] if name in FUSED]


@pytest.mark.parametrize(("name", "changed"), CASES, ids=str)
def test_twenty_steps_follow_the_rule(name: str, changed: dict[str, Any]) -> None:
    options = node(name, **changed)
    if name == "asgd":
        options["t0"] = 5
    (matrix, for_matrix), (vector, for_vector) = drawn(4, 3), drawn(3, seed=1)
    found, _ = stepped(options, [matrix, vector], [for_matrix, for_vector])
    hyper = {key: value for key, value in options.items() if key != "_target_"}
    near = LOOSE.get(name, 1e-9)
    np.testing.assert_allclose(found[0], RULES[name](matrix, for_matrix, **hyper), rtol=near, atol=near)
    np.testing.assert_allclose(found[1], RULES[name](vector, for_vector, **hyper), rtol=near, atol=near)
    assert np.abs(found[0] - matrix).max() > 1e-4  # they did move


def test_sgds_known_example() -> None:
    weights = np.array([[0.6614, 0.2669], [0.0617, 0.6213]])
    (found,), _ = stepped(node("sgd", lr=0.1), [weights], [[np.ones((2, 2))]])
    np.testing.assert_allclose(found, [[0.5614, 0.1669], [-0.0383, 0.5213]], atol=1e-12)


def test_asgd_keeps_the_mean_of_the_weights_since_t0() -> None:
    weights, grads = drawn(4, 3)
    options = node("asgd", t0=5)
    _, optimizer = stepped(options, [weights], [grads])
    (state,) = optimizer.state.values()
    path = asgd_path(weights, grads, **options)
    np.testing.assert_allclose(state["ax"].numpy(), np.mean(path[6:], axis=0), rtol=1e-6)  # a step late, as torch says


@pytest.mark.parametrize("changed", [{}, {"betas": [0.7, 0.8], "lr": 0.1, "eps": 0.01}], ids=str)
def test_sparse_adam_moves_the_rows_that_were_met(changed: dict[str, Any]) -> None:
    """Adam with one step count for all rows, moments and updates only for those of the batch (eps is not corrected)."""
    options = node("sparse_adam", **changed)
    weights, _ = drawn(6, 2)
    generator = np.random.default_rng(1)
    parameter = torch.nn.Parameter(torch.tensor(weights))
    optimizer = build(options, params=[parameter])
    w, first, second = weights.copy(), np.zeros_like(weights), np.zeros_like(weights)
    (one, two), lr, eps = options["betas"], options["lr"], options["eps"]
    for t in range(1, STEPS + 1):
        rows = generator.integers(0, 5, size=4)  # some twice, the last one never
        values = generator.normal(size=(4, 2))
        parameter.grad = torch.sparse_coo_tensor(rows[None], values, (6, 2), check_invariants=True)
        optimizer.step()
        dense = np.zeros_like(weights)
        np.add.at(dense, rows, values)
        met = np.unique(rows)
        first[met] = one * first[met] + (1 - one) * dense[met]
        second[met] = two * second[met] + (1 - two) * dense[met] ** 2
        w[met] -= lr * np.sqrt(1 - two**t) / (1 - one**t) * first[met] / (np.sqrt(second[met]) + eps)
    np.testing.assert_allclose(parameter.detach().numpy(), w, rtol=1e-9)
    np.testing.assert_array_equal(w[5], weights[5])
