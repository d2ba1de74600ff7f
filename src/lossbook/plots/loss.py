"""The picture of a loss: its value and gradient as functions of one number, with related losses."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lossbook.losses.contract import Contract
from lossbook.plots.loss_curves import FAMILIES, POINTS, LossCurve, curve, family_of, merged, relatives, variants
from lossbook.plots.style import BLUE, FAINT, GREEN, ORANGE, PURPLE, RED, SKY, picture

_OTHERS = ((ORANGE, "--"), (GREEN, "-."), (PURPLE, (0, (1, 1))), (RED, (0, (5, 1, 1, 1, 1, 1))), (SKY, "--"))
_VARIANTS = ((0, (6, 2)), (0, (2, 2)))


def draw(contract: Contract, others: Mapping[str, Contract], path: Path) -> None:
    """Write the picture of a loss as PNG.

    Args:
        contract: of the loss, with its hyperparameters.
        others: contracts by name, including those of related losses.
        path: of the file.

    Raises:
        UserError: the loss depends on more than one number.
    """
    name = family_of(contract)
    family = FAMILIES[name]
    near = relatives(contract, name, others)
    paired = family.schema.target == "pair"
    lines: list[tuple[str, LossCurve, str, Any, float]] = []
    own, *beside = merged([curve(contract, family), *(curve(other, family) for other in near)])
    label = f"{contract.name}, same class" if paired else _label(own, contract)
    lines.append((label, own, BLUE, "-", 3.4))
    for other, style in zip(variants(contract), _VARIANTS, strict=False):
        each = curve(other, family, same=not paired)
        lines.append((other.name + (", different classes" if paired else ""), each, SKY, style, 1.8))
    if paired:
        different = curve(contract, family, same=False)
        lines.append((f"{_label(different, contract)}, different classes", different, RED, "-", 3.4))
    for each, (color, line) in zip(beside, _OTHERS, strict=False):
        lines.append((_label(each), each, color, line, 2.2))

    with picture(path, 13.5, 6.2) as figure:
        figure.suptitle(f"{contract.name}: {family.name}", fontsize=16, fontweight="bold", x=0.01, ha="left")
        left, right = figure.subplots(1, 2)
        numbers = family.grid()
        for axes, title in ((left, "loss of one sample"), (right, "derivative of the loss")):
            for label, each, color, line, width in lines:
                values = each.values if axes is left else each.slopes
                axes.plot(numbers, values, color=color, linestyle=line, linewidth=width, label=label)
            axes.set_title(title, fontsize=13)
            axes.set_xlabel(family.axis)
            axes.set_xlim(*family.span)
            axes.axhline(0, color=FAINT, linewidth=0.8, zorder=0)
            if family.span[0] < 0:
                axes.axvline(0, color=FAINT, linewidth=0.8, zorder=0)
        left.set_ylabel("loss")
        right.set_ylabel("derivative")
        own_lines = [each for _, each, *_ in lines if contract.name in each.names]
        every = [each for _, each, *_ in lines]
        left.set_ylim(*_limits([each.values for each in own_lines], [each.values for each in every], 0.6))
        # steep ends of a curve would flatten the rest of the panel
        inner = slice(POINTS // 8, -POINTS // 8)
        slopes = {each: each.slopes[inner] for each in every}
        right.set_ylim(*_limits([slopes[each] for each in own_lines], list(slopes.values()), 0.9))
        handles, labels = left.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower left", ncols=3, fontsize=11, handlelength=3.5)


def _limits(own: Sequence[Tensor], every: Sequence[Tensor], more: float) -> tuple[float, float]:
    """Return the limits of a panel: all of the loss itself, and of the others up to ``more`` times its span beyond."""
    low, high = (float(bound(torch.stack(list(own)))) for bound in (torch.min, torch.max))
    least, most = (float(bound(torch.stack(list(every)))) for bound in (torch.min, torch.max))
    span = high - low or 1.0
    low, high = max(least, low - more * span), min(most, high + more * span)
    return low - 0.06 * (high - low), high + 0.06 * (high - low)


def _label(found: LossCurve, contract: Contract | None = None) -> str:
    """Return the names of a curve; with a contract, the first with the hyperparameter that variants change."""
    first, *same = found.names
    keys = () if contract is None else ("beta", "margin", "label_smoothing")
    first += "".join(f", {key} {contract.criterion[key]:g}" for key in keys if contract and key in contract.criterion)
    return textwrap.fill(" = ".join([first, *same]), 44, break_long_words=False)
