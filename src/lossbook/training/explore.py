"""Draw what an optimizer, a loss or an augmentation does, from the same options as a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossbook.config import structure
from lossbook.config.arguments import parse
from lossbook.config.check import check
from lossbook.config.folders import OUTPUTS
from lossbook.config.options import Options, conf_folder
from lossbook.config.ranges import range_problems
from lossbook.config.resolve import plain
from lossbook.errors import Problem, UserError, refuse

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from lossbook.losses.contract import Contract

_OF_BATCHES = ("augment", "data.augment", "data.mixup", "data.cutmix")  # what changes training batches
_ROWS, _DRAWS = 5, 7  # of samples, and of each
OPTIONS: dict[str, Any] = {"out": None}


def explore(config: DictConfig, folder: Path | None, keys: Mapping[str, Any], options: Options | None = None) -> Path:
    """Draw the optimizer, the loss or the augmentation that the overrides choose.

    Args:
        config: from ``lossbook.compose``.
        folder: for the picture; None: ``outputs/explore``.
        keys: values of ``OPTIONS``: ``out``, the path of the picture.
        options: that could have been chosen, for errors; None: those of our ``conf``.

    Returns:
        The path of the picture, a PNG.

    Raises:
        UserError: none or several are chosen, an override would have no effect, the loss is not a function of one
            number, or the data holds no images.
    """
    values = plain(config)
    group = _chosen(values["overrides"])
    name = str(values["choices"].get(group) or group)
    out = keys["out"]
    if out is not None and not str(out).endswith(".png"):
        raise refuse(f"out={out}", "The picture must be a PNG.", f"out={Path(out).with_suffix('.png')}")
    path = Path(out) if out is not None else (folder or OUTPUTS / "explore") / f"{name.replace('/', '_')}.png"
    if group == "augment":
        _augmentation(name, values, options, path)
    elif group == "optim":
        check(values, options)
        _optimizer(name, values, path)
    else:
        _loss(check(values, options), path)
    print(path)
    return path


def _chosen(overrides: list[str]) -> str:
    """Return ``optim``, ``loss`` or ``augment``, whichever the overrides choose."""
    parsed = parse(overrides)
    keys = {override.input_line: override.key_or_group.partition(".")[0] for override in parsed}
    if any(override.key_or_group in _OF_BATCHES for override in parsed):
        keys = {given: "augment" if key in ("data", "augment", "seed") else key for given, key in keys.items()}
    idle = [given for given, key in keys.items() if key not in ("optim", "loss", "augment")]
    if idle:
        rule = "Only an optimizer, a loss or an augmentation is drawn, so this would have no effect."
        raise UserError(*(Problem(given, rule, "remove it") for given in idle))
    groups = sorted(set(keys.values()))
    if len(groups) != 1:
        given = " ".join(keys) or "Nothing to draw."
        rule = "Give one optimizer or one loss, or an augmentation with data."
        raise refuse(given, rule, "optim=sgd optim.momentum=0.9, or loss=smooth_l1, or augment=strong data=digits")
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


def _augmentation(name: str, values: Mapping[str, Any], options: Options | None, path: Path) -> None:
    """Draw the first training samples, and what a training run may make of them."""
    import torch

    from lossbook.data.preparing import Preparing
    from lossbook.plots.augmentation import draw
    from lossbook.training.assemble import build_data
    from lossbook.training.plan import augmentation
    from lossbook.trust import OWN_CONFIG

    problems = structure.problems(values, options or Options([conf_folder()]))
    problems = problems or [one for one in range_problems(values, {}) if one.given.lstrip("+").startswith("data.")]
    if problems:
        raise UserError(*problems)
    data, _ = build_data(values["data"], values["seed"], OWN_CONFIG)
    shape = data.schema.input_shape
    if len(shape) != 3 or shape[0] not in (1, 3):
        rule = f"Images of one or three channels are drawn; these inputs have shape {shape}."
        raise refuse(f"data={values['choices']['data']}", rule, "data=digits")
    own = data.preparing
    if not (own.augment or own.mixing):
        raise refuse(f"augment={name}", "There is nothing to draw: training samples stay as they are.", "augment=light")
    plain = Preparing(None, own.augment, following=own.following, mixing=own.mixing)  # colours as they are
    batch = data.first(_ROWS)
    columns = {"original": _seen(Preparing().plain(batch), own.following)}
    torch.manual_seed(values["seed"])
    for number in range(1, _DRAWS + 1):
        columns[f"draw {number}"] = _seen(plain.training(batch), own.following)
    mixes = [f"{key}({values['data'][key]})" for key in ("mixup", "cutmix") if values["data"].get(key) is not None]
    draw(" ".join(values["overrides"]), [*filter(None, [augmentation(values)]), *mixes], columns, path)


def _seen(batch: Mapping[str, Any], following: Mapping[str, Any]) -> tuple[Any, Any]:
    """The images of a batch, and the targets that follow their pixels, if there are such."""
    images = batch["input"]
    return images[0] if isinstance(images, tuple) else images, next((batch[key] for key in following), None)
