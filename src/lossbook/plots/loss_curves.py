"""Losses as functions of one number, with the encoding, activation and criterion of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lossbook.data.schema import Schema
from lossbook.errors import Problem, UserError
from lossbook.losses.bind import bind
from lossbook.losses.contract import Contract
from lossbook.losses.objective import Objective

POINTS = 241


@dataclass(frozen=True)
class Family:
    """Losses that are functions of the same number.

    Args:
        name: for the title.
        axis: what the number is.
        schema: of artificial data with one sample, or the samples of one pair.
        span: range of the number.
        batch: a batch as a dataset of this schema would yield it.
        output: (objective, number) -> raw output of the model.
    """

    name: str
    axis: str
    schema: Schema
    span: tuple[float, float]
    batch: dict[str, Tensor]
    output: Callable[[Objective, Tensor], Tensor | tuple[Tensor, ...]]

    def grid(self) -> Tensor:
        return torch.linspace(*self.span, POINTS)


@dataclass(frozen=True, eq=False)
class LossCurve:
    """A loss as a function of one number.

    Args:
        names: of all losses with this curve.
        values, slopes: (POINTS,) the loss and its derivative.
    """

    names: tuple[str, ...]
    values: Tensor
    slopes: Tensor


COUNT = 3.0  # the target where counts are predicted


def _margin(objective: Objective, z: Tensor) -> Tensor:
    """Return scores with margin z in favour of the true class; for independent classes, margin z for each."""
    if objective.output_size == 1:
        return z.reshape(1, 1)
    each = objective.encoding.encode(torch.tensor([1])).is_floating_point()
    softmax = objective.activation.endswith("softmax")
    return torch.stack([-z if each and not softmax and not _compares(objective) else z * 0, z]).reshape(1, 2)


def _compares(objective: Objective) -> bool:
    """Return whether adding a constant to all scores changes nothing: the criterion compares classes."""
    scores, batch = torch.tensor([[0.3, 0.9]]), {"target": torch.tensor([1])}
    first, second = (objective(scores + shift, batch).loss for shift in (0.0, 5.0))
    return bool(torch.isclose(first, second, rtol=1e-4, atol=1e-6))


def _rate(objective: Objective, count: Tensor) -> Tensor:
    """Return the output that predicts a count: the count, its logarithm, or its inverse softplus."""
    # with softplus the output is in units of the mean count
    count = count / objective.encoding.placed(torch.ones(1, 1)).squeeze()
    if objective.activation == "softplus":
        return count.expm1().log().reshape(1, 1)
    logarithm = getattr(objective.criterion, "log_input", False)
    return (count.log() if logarithm else count).reshape(1, 1)


def _row(*values: Tensor | float) -> Tensor:
    return torch.stack([torch.as_tensor(value) for value in values]).reshape(1, -1)


def _batch(**target: Tensor) -> dict[str, Tensor]:
    return {**target, "index": torch.arange(1)}


_ONE = torch.tensor([1])
FAMILIES = {
    "error": Family(
        "regression", "error: prediction − target (in standard deviations)",
        Schema("value", (1,), 2, width=1, mean=(0.0,), scale=(1.0,)), (-3.0, 3.0),
        _batch(target=torch.zeros(1, 1)), lambda objective, error: error.reshape(1, 1),
    ),
    "count": Family(
        "counts", f"predicted count (target {COUNT:g})",
        Schema("count", (1,), 2, width=1, mean=(0.0,), scale=(1.0,)), (0.25, 8.0),
        _batch(target=torch.full((1, 1), COUNT)), _rate,
    ),
    "margin": Family(
        "classification", "margin of the true class (below 0: wrong prediction)",
        Schema("class", (1,), 2, classes=2, class_counts=(1, 1)), (-3.0, 3.0), _batch(target=_ONE), _margin,
    ),
    "distance": Family(
        "pairs by distance", "distance between the two embeddings",
        Schema("pair", (1,), 2), (0.02, 3.0), _batch(target=_ONE), lambda objective, d: (_row(0.0, 0.0), _row(d, 0.0)),
    ),
    "cosine": Family(
        "pairs by cosine similarity", "cosine similarity of the two embeddings",
        Schema("pair", (1,), 2), (-0.995, 0.995), _batch(target=_ONE),
        lambda objective, c: (_row(1.0, 0.0), _row(c, (1 - c * c).sqrt())),
    ),
    "triplet": Family(
        "triplets", "distance to the positive − distance to the negative",
        Schema("triplet", (1,), 2), (-2.0, 2.0), _batch(),
        lambda objective, d: (_row(0.0, 0.0), _row(2 + d / 2, 0.0), _row(0.0, 2 - d / 2)),
    ),
    "ranking": Family(
        "ranking", "score of the higher-ranked sample − score of the lower-ranked one",
        Schema("value", (1,), 2, width=1, mean=(0.0,), scale=(1.0,)), (-3.0, 3.0),
        {"target": torch.tensor([[1.0], [0.0]]), "index": torch.arange(2)},
        lambda objective, d: torch.stack([d, d * 0]).reshape(2, 1),
    ),
}  # fmt: skip


def family_of(contract: Contract) -> str:
    """Return the family of a loss, a key of ``FAMILIES``.

    Raises:
        UserError: the loss depends on more than one number; the message says why.
    """
    kinds, paired = contract.accepts, contract.pairing
    if contract.terms:
        rule = "A sum is not a function of one number where its terms are not."
        raise UserError(Problem(f"loss={contract.name}", rule, f"loss={contract.terms[0].contract.name}"))
    if contract.inputs == "single":
        for kind, name in (("value", "error"), ("count", "count"), ("class", "margin")):
            if kind in kinds:
                return name
    if contract.inputs == "pairs" and ("pair" in kinds or "value" in kinds):
        if "pair" not in kinds:
            return "ranking"
        return "distance" if paired.get("compare") == "distance" else "cosine"
    if contract.inputs == "triplets" and "triplet" in kinds:
        return "triplet"
    why = {
        "views": "It is a function of all similarities in a batch, not of one number.",
        "sequence": "It sums over all alignments of a text with a sequence, so it is not a function of one number.",
    }
    rule = why.get(contract.inputs, f"For targets of kind {' or '.join(kinds)} it is not a function of one number.")
    raise UserError(Problem(f"loss={contract.name}", rule, "loss=smooth_l1 or loss=multi_margin, for instance"))


def curve(contract: Contract, family: Family, same: bool = True) -> LossCurve:
    """Return a loss and its derivative over the family's range.

    Args:
        contract: of the loss.
        family: that it belongs to.
        same: for pairs, whether both samples are of the same class.
    """
    objective = bind(contract, family.schema, 2 if family.schema.target in ("pair", "triplet") else None)
    batch = family.batch if same else {**family.batch, "target": torch.tensor([0])}
    values, slopes = [], []
    for number in family.grid():
        number = number.clone().requires_grad_()
        loss = objective(family.output(objective, number), batch).loss
        (slope,) = torch.autograd.grad(loss, number, allow_unused=True)
        values.append(loss.detach())
        slopes.append(torch.zeros(()) if slope is None else slope)
    return LossCurve((contract.name,), torch.stack(values), torch.stack(slopes))


def merged(curves: list[LossCurve]) -> list[LossCurve]:
    """Merge curves that coincide into one with all their names, in order of first occurrence."""
    found: list[LossCurve] = []
    for each in curves:
        for place, other in enumerate(found):
            if torch.allclose(each.values, other.values, atol=1e-5):
                found[place] = replace(other, names=(*other.names, *each.names))
                break
        else:
            found.append(each)
    return found


def relatives(contract: Contract, family: str, others: Mapping[str, Contract]) -> list[Contract]:
    """Return the other losses that are functions of the same number."""
    found = []
    for name, other in others.items():
        if name == contract.name:
            continue
        counts = family == "count" and other.inputs == "single" and "count" in other.accepts
        with suppress(UserError):
            if counts or family_of(other) == family:
                found.append(other)
    return found


def variants(contract: Contract) -> list[Contract]:
    """Return the same loss with its most important hyperparameter halved and doubled, named after it."""
    for key, instead in (("beta", (0.5, 2.0)), ("margin", (0.5, 2.0)), ("label_smoothing", (0.2,))):
        value = contract.criterion.get(key)
        if isinstance(value, (int, float)):
            values = [value * factor for factor in instead] if value else [instead[0]]
            return [
                replace(
                    contract, name=f"{contract.name}, {key} {other:g}", criterion={**contract.criterion, key: other}
                )
                for other in values
            ]
    return []
