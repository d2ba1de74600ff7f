"""Which loss takes which data: the tables of the docs, read off the options themselves, without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lossbook.config.check import accepts
from lossbook.config.options import Options, conf_folder
from lossbook.config.terms import contract_of
from lossbook.losses.contract import Contract
from lossbook.targets import KINDS


def contracts(options: Options | None = None) -> dict[str, Contract]:
    """The contract of every loss option, by name."""
    options = options or Options([conf_folder()])
    return {name: contract_of(name, options) for name in options.names("loss")}


def by_kind(contracts: Mapping[str, Contract]) -> str:
    """Markdown: a row a loss, a column a target kind, in it the encoding."""
    kinds = list(KINDS)
    rows = [
        [f"`{name}`", *(str(contract.accepts[kind]["name"]) if kind in contract.accepts else "" for kind in kinds)]
        for name, contract in contracts.items()
    ]
    return table(["loss", *kinds], rows)


def by_data(contracts: Mapping[str, Contract], options: Options | None = None) -> str:
    """Markdown: a row a loss, a column a dataset that needs no files, a mark where they fit."""
    options = options or Options([conf_folder()])
    shown = [name for name in options.names("data") if not options.needs_files(f"data/{name}")]
    stated = {name: options.stated(f"data/{name}")[0] for name in shown}
    rows = [
        [f"`{loss}`", *("x" if accepts(contract, stated[name]) else "" for name in shown)]
        for loss, contract in contracts.items()
    ]
    return table(["loss", *(f"`{name}`" for name in shown)], rows)


def page() -> str:
    """The whole page of the docs."""
    found = contracts()
    return f"""# Which loss takes which data

Made by `python scripts/pairings.py > docs/pairings.md` from the options in `conf/`, and tested: every pairing that is
marked trains, every other is refused by name.

## Loss and target kind

In a cell stands the encoding: how targets of that kind become the criterion's.

{by_kind(found)}

## Loss and data

Data that needs no files; the kinds of all others are in [data.md](data.md).

{by_data(found)}
"""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown: the first column to the left, the others centred."""
    lines = ["| " + " | ".join(head) + " |", "|" + "|".join("---" if i == 0 else ":-:" for i in range(len(head))) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)
