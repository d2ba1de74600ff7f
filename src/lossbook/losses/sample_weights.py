"""Sample weights: the weighted mean of the losses of single samples, for a batch that holds ``weight``.

A sample of weight 2 counts as two, and one of weight 0 as none: the loss is ``sum(w * l) / sum(w * n)``, where n is the
sample's share of what the criterion's mean divides by (1, its elements, or the weights of its classes).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from lossbook.errors import UserError, refuse
from lossbook.losses.criteria.function import FunctionCriterion
from lossbook.targets.kind import Batch, refuse_at, refuse_batch

_FIX = "a loss of single samples, such as cross_entropy, bce_logits or mse"


def reduces(criterion: Any) -> bool:
    """Return whether a criterion knows the reduction ``none``, as far as its options say."""
    return isinstance(getattr(criterion, "reduction", None), str)


@contextmanager
def unreduced(criterion: Any) -> Iterator[None]:
    """Let a criterion give the losses of single samples or elements within the block."""
    options = criterion.options if isinstance(criterion, FunctionCriterion) else vars(criterion)
    given = {"reduction": options["reduction"]} if "reduction" in options else {}
    options["reduction"] = "none"
    try:
        yield
    finally:
        del options["reduction"]  # a default shows again
        options.update(given)


def no_own_terms(given: str, criterion: Any, inputs: str) -> UserError:
    """Return the refusal of weights where samples have no losses of their own.

    Args:
        given: what asks for weights.
        criterion: of the loss.
        inputs: the class of its inputs.
    """
    function = getattr(criterion, "function", criterion)
    name = getattr(function, "__name__", type(function).__name__)
    if not reduces(criterion) and inputs in ("Single", "Sequence"):
        rule = f"Weights need the loss of each sample, and {name} has no option 'reduction' that would leave it."
    else:
        rule = f"Weights need the loss of each sample; here a loss is one of several samples ({inputs})."
    return refuse(given, rule, _FIX)


def reduced_all_the_same(given: str, shape: tuple[int, ...], samples: int) -> UserError:
    """Return the refusal of a criterion that reduces what it was asked to leave."""
    rule = f"Weights need the loss of each of the {samples} samples; with reduction=none it gives shape {shape}."
    return refuse(given, rule, _FIX)


def weighted(losses: Tensor, shares: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return the weighted mean of a batch, and what it divides by; both are 0 where all weights are.

    Args:
        losses: (N,) of the samples, each times its share.
        shares: (N,) of the samples in what the criterion's mean divides by.
        weight: (N,) of the samples, 0 or more.
    """
    weight = weight.to(losses.dtype)
    count = (weight * shares).sum()
    return (weight * losses).sum() / torch.where(count > 0, count, 1.0), count.detach()


def require_weights(batch: Batch, where: str) -> None:
    """Check the sample weights of a batch, or of a whole part.

    Raises:
        UserError: they are not one number a sample, finite and 0 or more, or all of them are 0 in a whole part.
    """
    weight = batch["weight"]
    inputs = batch["input"]
    samples = len(inputs[0] if isinstance(inputs, tuple) else inputs)
    if tuple(weight.shape) != (samples,):
        rule = f"Sample weights have the shape ({samples},): one a sample."
        raise refuse_batch(where, f"holds weights of shape {tuple(weight.shape)}.", rule)
    wrong = ~(weight.isfinite() & (weight >= 0))
    if wrong.any():
        raise refuse_at(wrong, weight, where, "A sample weight is finite, and 0 or more.", what="the weight is")
    if not where.startswith("batch") and not (weight > 0).any():
        raise refuse_batch(where, "holds weights of 0 alone.", "The mean over nothing is nan.")
