"""Write docs/optimizers.md, the capabilities of each optimizer and the losses it trains, without importing torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omegaconf import OmegaConf

from lossbook.config.options import Options, conf_folder
from lossbook.config.pairings import table
from lossbook.errors import Problem
from lossbook.optim.capabilities import CAPABILITIES, Capability
from lossbook.optim.checks import problems

_YES = {True: "x", False: ""}


def capabilities(options: Options) -> str:
    """Return a Markdown table with a row for each optimizer and a column for each capability."""
    head = ["optimizer", "groups", "weight decay", "fused", "sparse gradients", "schedules", "evaluations per step"]
    rows = []
    for name in options.names("optim"):
        can = CAPABILITIES[options.stated(f"optim/{name}")[0]["_target_"]]
        sparse = {"no": "", "only": "only", "accepts": "x, unless fused or decayed" if can.fused else "x"}[can.sparse]
        several = "several" if can.closure else "1"
        cells = [_YES[can.groups], _YES[can.weight_decay], _YES[can.fused], sparse, _YES[can.schedule], several]
        rows.append([f"`{name}`", *cells, _note(can)])
    return table([*head, "note"], rows)


def _note(can: Capability) -> str:
    found = []
    if can.full_batch:
        found.append("sets data.batch_size=all")
    if can.averages:
        found.append("validates, tests and saves its averaged weights")
    if can.takes == "matrices":
        found.append("trains two-dimensional weights, `rest` all others")
    if can.sparse == "only":
        found.append("`rest` trains the parameters with dense gradients")
    return "; ".join(found)


def task(options: Options, loss: str, optim: str) -> dict[str, str]:
    """Return what ``loss=... optim=...`` alone chooses: the default data of the loss, else of the optimizer; etc."""
    chosen = {"loss": loss, "optim": optim}
    for group in ("scheduler", "data", "model"):
        named = [
            options.named(f"{other}/{chosen[other]}", group) for other in ("loss", "optim", "data") if other in chosen
        ]
        chosen[group] = next((name for name in named if name), None) or options.default(group)
    return chosen


def refusals(options: Options, loss: str, optim: str) -> list[Problem]:
    """Return why an optimizer cannot train a loss on its default data; empty where it can."""
    choices = task(options, loss, optim) | {"param_groups": options.default("param_groups")}
    config: dict[str, Any] = {
        group: options.stated(f"{group}/{name}")[0] for group, name in choices.items() if group != "loss"
    }
    plain: Any = OmegaConf.to_container(OmegaConf.create({"optim": config["optim"]}), resolve=True)
    return problems({**config, **plain, "trainer": {}, "choices": choices})


def by_loss(options: Options) -> tuple[str, Mapping[str, list[str]]]:
    """Return a Markdown table of losses (rows) by optimizers, and the reasons of the pairs that do not train."""
    names = options.names("optim")
    rows: list[list[str]] = []
    refused: dict[str, list[str]] = {}
    for loss in options.names("loss"):
        cells = []
        for optim in names:
            found = refusals(options, loss, optim)
            cells.append("" if found else "x")
            for problem in found:
                refused.setdefault(f"`{optim}`: {problem.rule} Fix: {problem.fix}.", []).append(loss)
        rows.append([f"`{loss}`", *cells])
    return table(["loss", *(f"`{name}`" for name in names)], rows), refused


def page(options: Options | None = None) -> str:
    """Return the page as Markdown."""
    options = options or Options([conf_folder()])
    matrix, refused = by_loss(options)
    reasons = "\n".join(
        f"- {text}\n  ({', '.join(f'`{loss}`' for loss in losses)})" for text, losses in refused.items()
    )
    return f"""# Optimizers: capabilities and losses

Generated from one table in the code and the options in `conf/` by
`python scripts/pairings.py optimizers > docs/optimizers.md`. The table is tested against torch. What an optimizer does
not support is refused before data is loaded, with the fix.

## Capabilities

{capabilities(options)}

## Loss and optimizer

An x means that `loss=... optim=...` alone trains, on the default data of the loss, or else of the optimizer.

{matrix}

The other pairs:

{reasons}
"""
