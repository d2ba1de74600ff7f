"""Normalise data as the pretrained weights of a network expect it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import nn

from lossbook.data.fitted import FittedData
from lossbook.data.module import DataModule

_DEFAULTS = (None, "auto", "imagenet")  # of data.normalise; whatever else it is, the user has chosen it


def normalise_as_pretrained(
    model: nn.Module, node: Mapping[str, Any], data: DataModule, fitted: FittedData
) -> tuple[FittedData, list[str]]:
    """Normalise data by the statistics that a network's pretrained weights expect, unless the config gives its own.

    Those of three channels are averaged for one; other numbers of channels keep their own, and inputs that are not
    normalised stay so.

    Args:
        model: with ``pretrained_normalise``, mean and standard deviation of each channel, where it has such weights.
        node: of the data.
        data: its ``preparing`` is changed.
        fitted: what checkpoints keep of it.

    Returns:
        What checkpoints keep, and what a user should know, a line each.
    """
    wanted, own = getattr(model, "pretrained_normalise", None), data.preparing.normalise
    if wanted is None:
        return fitted, []
    channels = data.schema.input_shape[0]
    if channels == 1 and len(wanted[0]) == 3:
        mean, scale = ((sum(each) / 3,) for each in wanted)
    else:
        mean, scale = wanted
    if own is not None and (tuple(own[0]), tuple(own[1])) == (mean, scale):
        return fitted, []
    shown = f"mean {_shown(mean)}, standard deviation {_shown(scale)}"
    if own is None or channels != len(mean) or node.get("normalise") not in _DEFAULTS:
        return fitted, [f"the pretrained weights expect {shown} of values in [0, 1]; this data is normalised otherwise"]
    data.preparing.normalise_by((mean, scale))
    notes = [f"channels are normalised as the pretrained weights expect: {shown}"]
    return replace(fitted, normalise=(mean, scale)), notes


def _shown(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:.3g}" for value in values)
