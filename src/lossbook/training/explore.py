"""Draw what an optimizer or a loss does, from the same options as a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossbook.config.arguments import parse
from lossbook.config.check import check
from lossbook.config.folders import OUTPUTS
from lossbook.config.options import Options
from lossbook.config.resolve import plain
from lossbook.errors import Problem, UserError, refuse

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from lossbook.losses.contract import Contract

OPTIONS: dict[str, Any] = {"out": None}


def explore(config: DictConfig, folder: Path | None, keys: Mapping[str, Any], options: Options | None = None) -> Path:
    """Draw the optimizer or the loss that the overrides choose.

    Args:
        config: from ``lossbook.compose``.
        folder: for the picture; None: ``outputs/explore``.
        keys: values of ``OPTIONS``: ``out``, the path of the picture.
        options: that could have been chosen, for errors; None: those of our ``conf``.

    Returns:
        The path of the picture, a PNG.

    Raises:
        UserError: neither or both are chosen, an override would have no effect, or the loss is not a function of one
            number.
    """
    values = plain(config)
    group = _chosen(values["overrides"])
    name = str(values["choices"][group])
    out = keys["out"]
    if out is not None and not str(out).endswith(".png"):
        raise refuse(f"out={out}", "The picture must be a PNG.", f"out={Path(out).with_suffix('.png')}")
    path = Path(out) if out is not None else (folder or OUTPUTS / "explore") / f"{name.replace('/', '_')}.png"
    contract = check(values, options)
    if group == "optim":
        _optimizer(name, values, path)
    else:
        _loss(contract, path)
    print(path)
    return path


def _chosen(overrides: list[str]) -> str:
    """Return ``optim`` or ``loss``, whichever the overrides choose."""
    keys = {override.input_line: override.key_or_group.partition(".")[0] for override in parse(overrides)}
    idle = [given for given, key in keys.items() if key not in ("optim", "loss")]
    if idle:
        rule = "Only an optimizer or a loss is drawn, so this would have no effect."
        raise UserError(*(Problem(given, rule, "remove it") for given in idle))
    groups = sorted(set(keys.values()))
    if len(groups) != 1:
        given = " ".join(keys) or "Nothing to draw."
        raise refuse(given, "Give one optimizer or one loss.", "optim=sgd optim.momentum=0.9, or loss=smooth_l1")
    return groups[0]


def _optimizer(name: str, values: Mapping[str, Any], path: Path) -> None:
    from lossbook.plots.descent import multiples, telling_rates
    from lossbook.plots.optimizer import draw

    node = values["optim"]
    given = [one.lstrip("+~").removeprefix("optim.") for one in values["overrides"] if not one.startswith("optim=")]
    own_rate = any(one.startswith("lr=") for one in given)
    rates = multiples(float(node["lr"])) if own_rate else telling_rates(node)
    draw(name, node, rates, path, given)


def _loss(contract: Contract, path: Path) -> None:
    from lossbook.config.pairings import contracts
    from lossbook.plots.loss import draw

    draw(contract, contracts(), path)
