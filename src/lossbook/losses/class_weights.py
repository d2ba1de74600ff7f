"""Weights of classes: given as a list, or taken from the training part."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from lossbook.data.schema import Schema
from lossbook.errors import Problem
from lossbook.targets.encoding import Encoding

_KEYS = ("weight", "pos_weight")
_SINGLE_FIX = "loss=bce_logits loss.criterion.pos_weight=auto: one output stands for both classes"


def class_weights(
    criterion: Mapping[str, Any], encoding: Encoding, at: str = "loss"
) -> tuple[dict[str, Tensor], list[Problem]]:
    """The tensors for ``weight`` and ``pos_weight`` in a criterion's arguments, and what is wrong with them.

    ``auto`` becomes the inverse frequencies of the training part: for ``weight`` the sum of all N_c / (C * N_c)
    (scikit-learn's "balanced", N / (C * N_c), where each sample is of one class; a sample of several labels counts for
    each), for ``pos_weight`` the number of samples without a label over those with it.
    """
    weights, problems = {}, []
    for key in _KEYS:
        given = criterion.get(key)
        if given is None:
            continue
        try:
            values = _automatic(key, encoding) if given == "auto" else [float(value) for value in given]
        except (TypeError, ValueError) as error:
            reason = str(error) if given == "auto" else "It is a list of numbers, one for each class, or auto."
            problems.append(Problem(f"{at}.criterion.{key}={given}", reason, f"{at}.criterion.{key}=null"))
            continue
        if len(values) != encoding.width:
            problems.append(
                Problem(
                    f"{at}.criterion.{key} has {len(values)} value{'s' if len(values) != 1 else ''}.",
                    f"It takes one value for each output to weigh, {encoding.width} here.",
                    f"{at}.criterion.{key}=auto" if key == "pos_weight" or not _single(encoding) else _SINGLE_FIX,
                )
            )
        elif not all(0 <= value < math.inf for value in values) or max(values) == 0:
            problems.append(Problem(f"{at}.criterion.{key}={given}", "Weights are 0 or more, and one is above 0."))
        else:
            weights[key] = encoding.for_each_class(torch.tensor(values))
    return weights, problems


def _automatic(key: str, encoding: Encoding) -> list[float]:
    schema = encoding.schema
    counts = schema.class_counts
    if not counts:
        raise ValueError("auto needs data that counts its classes.")
    if not all(counts):
        raise ValueError(f"The training part has no sample of class {_name(schema, counts.index(0))}.")
    total = sum(counts) if schema.target != "multilabel" else schema.samples
    single = _single(encoding)
    if key == "pos_weight":
        ratios = [(total - count) / count for count in counts]
        return ratios[1:] if single else ratios
    if single:
        raise ValueError("One output cannot be weighed by class; loss=bce_logits with pos_weight=auto does it.")
    return [sum(counts) / (len(counts) * count) for count in counts]


def _single(encoding: Encoding) -> bool:
    return encoding.width == 1 and encoding.schema.classes == 2


def _name(schema: Schema, index: int) -> str:
    return schema.class_names[index] if schema.class_names else str(index)
