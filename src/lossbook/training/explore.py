"""Draw what an optimizer or a loss does, with the same options as a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossbook.config.arguments import parse
from lossbook.config.check import check
from lossbook.config.folders import OUTPUTS
from lossbook.config.plain import plain
from lossbook.errors import Problem, UserError, refuse

if TYPE_CHECKING:
    from omegaconf import DictConfig

OPTIONS: dict[str, Any] = {"out": None}


def explore(config: DictConfig, folder: Path | None, options: Mapping[str, Any]) -> Path:
    """Draw the optimizer or the loss that the overrides choose.

    Args:
        config: from ``lossbook.compose``.
        folder: for the picture; ``outputs/explore`` where None.
        options: values of ``OPTIONS``: ``out``, the path of the picture.

    Returns:
        The path of the picture, a PNG.

    Raises:
        UserError: neither or both are chosen, an override would have no effect, or the loss is not a function of one
            number.
    """
    values = plain(config)
    group = _chosen(values["overrides"])
    name = str(values["choices"][group])
    out = options["out"]
    if out is not None and not str(out).endswith(".png"):
        raise refuse(f"out={out}", "The picture must be a PNG file.", f"out={Path(out).with_suffix('.png')}")
    path = Path(out) if out is not None else (folder or OUTPUTS / "explore") / f"{name.replace('/', '_')}.png"
    (_optimizer if group == "optim" else _loss)(name, values, path)
    print(path)
    return path


def _chosen(overrides: list[str]) -> str:
    """Return the group that is chosen, ``optim`` or ``loss``."""
    keys = {override.input_line: override.key_or_group.partition(".")[0] for override in parse(overrides)}
    idle = [given for given, key in keys.items() if key not in ("optim", "loss")]
    if idle:
        rule = "The picture shows only an optimizer or a loss; this would have no effect."
        raise UserError(*(Problem(given, rule, "leave it out") for given in idle))
    groups = sorted(set(keys.values()))
    if len(groups) != 1:
        given = " ".join(keys) or "Nothing to draw."
        raise refuse(given, "Give one optimizer, or one loss.", "optim=sgd optim.momentum=0.9, or loss=smooth_l1")
    return groups[0]


def _optimizer(name: str, values: Mapping[str, Any], path: Path) -> None:
    check(values)

    from lossbook.plots.descent import multiples, telling_rates
    from lossbook.plots.optimizer import draw

    node = values["optim"]
    given = [one.lstrip("+~").removeprefix("optim.") for one in values["overrides"] if not one.startswith("optim=")]
    own_rate = any(one.startswith("lr=") for one in given)
    rates = multiples(float(node["lr"])) if own_rate else telling_rates(node)
    draw(name, node, rates, path, given)


def _loss(name: str, values: Mapping[str, Any], path: Path) -> None:
    contract = check(values)

    from lossbook.config.pairings import contracts
    from lossbook.plots.loss import draw

    draw(contract, contracts(), path)
