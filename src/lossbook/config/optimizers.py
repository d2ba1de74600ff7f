"""What each optimizer can do, and which loss it trains: the tables of the docs, read off the options, without torch."""

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
    """Markdown: a row an optimizer, a column a fact."""
    head = ["optimizer", "groups", "weight decay", "fused", "sparse gradients", "schedules act", "evaluations a step"]
    rows = []
    for name in options.names("optim"):
        can = CAPABILITIES[options.stated(f"optim/{name}")[0]["_target_"]]
        sparse = {"no": "", "only": "only", "accepts": "x, unless fused or decayed" if can.fused else "x"}[can.sparse]
        several = "several, of one batch" if can.closure else "1"
        cells = [_YES[can.groups], _YES[can.weight_decay], _YES[can.fused], sparse, _YES[can.schedule], several]
        rows.append([f"`{name}`", *cells, _note(can)])
    return table([*head, "note"], rows)


def _note(can: Capability) -> str:
    found = []
    if can.full_batch:
        found.append("wants all data in one batch, and sets it")
    if can.averages:
        found.append("validated, tested and saved with its averaged weights")
    if can.takes == "matrices":
        found.append("takes weights of two dimensions, `rest` the others")
    if can.sparse == "only":
        found.append("`rest` takes what has dense gradients")
    return "; ".join(found)


def task(options: Options, loss: str, optim: str) -> dict[str, str]:
    """What ``loss=... optim=...`` alone chooses: the loss's data, else the optimizer's, and so on down to the model."""
    chosen = {"loss": loss, "optim": optim}
    for group in ("scheduler", "data", "model"):
        named = [
            options.named(f"{other}/{chosen[other]}", group) for other in ("loss", "optim", "data") if other in chosen
        ]
        chosen[group] = next((name for name in named if name), None) or options.default(group)
    return chosen


def refusals(options: Options, loss: str, optim: str) -> list[Problem]:
    """What an optimizer says against the natural task of a loss; nothing where it trains."""
    choices = task(options, loss, optim) | {"param_groups": options.default("param_groups")}
    config: dict[str, Any] = {
        group: options.stated(f"{group}/{name}")[0] for group, name in choices.items() if group != "loss"
    }
    plain: Any = OmegaConf.to_container(OmegaConf.create({"optim": config["optim"]}), resolve=True)
    return problems({**config, **plain, "trainer": {}, "choices": choices})


def by_loss(options: Options) -> tuple[str, Mapping[str, list[str]]]:
    """Markdown: a row a loss, a column an optimizer, a mark where they train; and the refusals, with their pairs."""
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
    """The whole page of the docs."""
    options = options or Options([conf_folder()])
    matrix, refused = by_loss(options)
    reasons = "\n".join(
        f"- {text}\n  ({', '.join(f'`{loss}`' for loss in losses)})" for text, losses in refused.items()
    )
    return f"""# What each optimizer can do, and what it trains

Made by `python scripts/pairings.py optimizers > docs/optimizers.md` from one table in the code and the options in
`conf/`. The table is tested against torch; what an optimizer cannot do is refused before data is loaded, with the fix.

## Capabilities

{capabilities(options)}

## Loss and optimizer

A mark: `loss=... optim=...` alone trains, on the data that the loss brings, else the optimizer's own.

{matrix}

Where there is none:

{reasons}
"""
