"""Metrics of a small MLP's checkpoint, computed from its weights with NumPy and scikit-learn only."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def weights(ckpt: Path) -> tuple[dict[str, np.ndarray], dict[str, list[int]]]:
    """Return the network's tensors by name with the bound of its inputs, and the known samples' positions by part."""
    import torch

    checkpoint = torch.load(ckpt, weights_only=True)
    tensors = {
        name.removeprefix("model."): tensor.numpy().astype(np.float64)
        for name, tensor in checkpoint["state_dict"].items()
        if name.startswith("model.")
    }
    tensors["clip"] = np.array(checkpoint["lossbook"]["config"]["model"].get("clip") or math.inf)
    known = checkpoint["lossbook"]["data"]["known"]["parts"]
    return tensors, {part: places.tolist() for part, places in known.items()}


def outputs(values: Mapping[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    """Compute linear layers on bounded inputs, each but the last followed by ReLU, and before it by batch norm if the
    network has any.
    """
    norms = [name.rpartition(".")[0] for name in values if name.endswith("running_mean")]
    linear = [name.rpartition(".")[0] for name in values if name.endswith(".weight") and values[name].ndim == 2]
    z = x.astype(np.float32).astype(np.float64)
    z = z / np.hypot(1, z / values.get("clip", math.inf))
    for place, layer in enumerate(linear):
        z = z @ values[f"{layer}.weight"].T + values.get(f"{layer}.bias", 0)
        if norms and place < len(linear) - 1:
            norm = norms[place]
            z = (z - values[f"{norm}.running_mean"]) / np.sqrt(values[f"{norm}.running_var"] + 1e-5)
            z = z * values[f"{norm}.weight"] + values[f"{norm}.bias"]
        if place < len(linear) - 1:
            z = np.maximum(z, 0)
    return z


def of_classes(output: np.ndarray, labels: Sequence[str], classes: Sequence[str]) -> dict[str, float]:
    """Compute the metrics of class scores under cross-entropy."""
    from sklearn.metrics import f1_score

    true = np.array([classes.index(label) for label in labels])
    predicted = output.argmax(1)
    odds = output - output.max(1, keepdims=True)
    loss = np.log(np.exp(odds).sum(1)) - odds[np.arange(len(true)), true]
    found = {"acc": float(np.mean(predicted == true)), "loss": float(loss.mean())}
    if len(classes) == 2:
        return {**found, "f1": float(f1_score(true, predicted, pos_label=1, zero_division=0))}
    return {**found, "f1": float(f1_score(true, predicted, average="macro", zero_division=0))}


def of_numbers(kind: str, output: np.ndarray, y: np.ndarray, train: np.ndarray) -> dict[str, float]:
    """Compute the metrics of values under mse, counts under poisson_nll, labels under bce_logits.

    Args:
        kind: of the target.
        output, y: of the samples that are evaluated, (N, W).
        train: targets of the training part.
    """
    if kind == "multilabel":
        loss = np.logaddexp(0, output) - y * output
        return {"acc": float(np.mean(((output > 0) == y).all(1))), "loss": float(loss.mean())}
    if kind == "count":
        logs = output + np.log(train.mean(0))
        predicted, loss = np.exp(logs), np.exp(logs) - y * logs
    else:
        mean, scale = train.mean(0), train.std(0)
        predicted, loss = output * scale + mean, (output - (y - mean) / scale) ** 2
    found = {"mae": float(np.abs(predicted - y).mean()), "loss": float(loss.mean())}
    return {**found, "rmse": float(np.sqrt(((predicted - y) ** 2).mean()))}


def pixels(paths: Sequence[Path], size: int) -> np.ndarray:
    """Read square images as the network gets them, flattened."""
    from PIL import Image

    how = Image.Resampling.BILINEAR
    read = np.stack([np.asarray(Image.open(path).convert("RGB").resize((size, size), how)) / 255 for path in paths])
    scaled = (read - IMAGENET[0]) / IMAGENET[1]
    return np.asarray(scaled.transpose(0, 3, 1, 2).reshape(len(paths), -1))


def require_equal(found: Mapping[str, Any], expected: Mapping[str, float]) -> None:
    """Raise an error if a metric of the test part differs from the expected one."""
    wrong = {
        name: (found.get(f"test/{name}"), value)
        for name, value in expected.items()
        if f"test/{name}" in found and not math.isclose(found[f"test/{name}"], value, rel_tol=1e-4, abs_tol=2e-6)
    }
    if wrong:
        raise AssertionError("; ".join(f"{name} is {got}, by hand {value}" for name, (got, value) in wrong.items()))
    if not any(f"test/{name}" in found for name in expected):
        raise AssertionError(f"none of {', '.join(expected)} is among {', '.join(found)}")
