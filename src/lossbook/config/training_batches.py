"""Whether training batches can be mixed and balanced, told from the config alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lossbook.errors import Problem, typed
from lossbook.losses.contract import Contract
from lossbook.targets import KINDS

MIXES = ("mixup", "cutmix")


def problems(contract: Contract, config: Mapping[str, Any], targets: Mapping[str, str]) -> Iterator[Problem]:
    """Yield what is wrong with ``data.mixup``, ``data.cutmix`` and ``data.sampling``.

    Args:
        contract: of the loss, which accepts the data.
        config: whole and resolved.
        targets: the kinds of the data's targets by their names.
    """
    data = config["data"]
    if data.get("sampling") is not None:
        yield from _sampling(config, targets)
    for key in MIXES:
        if data.get(key) is not None:
            given = f"data.{key}={typed(data[key])}"
            reason = next(_reasons(key, contract, data, targets), None)
            if reason:
                yield Problem(given, reason, f"data.{key}=null")


def _sampling(config: Mapping[str, Any], targets: Mapping[str, str]) -> Iterator[Problem]:
    given, fix = f"data.sampling={config['data']['sampling']}", "data.sampling=null"
    if targets != {"": "class"}:
        each = ", ".join(f"{name} ({kind})" if name else f"of the kind '{kind}'" for name, kind in targets.items())
        yield Problem(given, f"Samples are balanced by the one class of each; these targets are {each}.", fix)
    elif config["trainer"].get("overfit_batches"):
        yield Problem(given, "trainer.overfit_batches goes through the same batches in order: it has no effect.", fix)


def _reasons(key: str, contract: Contract, data: Mapping[str, Any], targets: Mapping[str, str]) -> Iterator[str]:
    """Yield why samples cannot be mixed."""
    if data.get("inputs", "numbers") != "numbers":
        yield f"Inputs that are {data['inputs']} have nothing between two of them."
    if data.get("views", 1) != 1 or any(KINDS[kind].inputs != 1 for kind in targets.values()):
        yield "Samples of several inputs are compared with one another, and not mixed."
    for kind in targets.values():
        if not KINDS[kind].mixing:
            yield f"What a mixed input has for a target of the kind '{kind}' is not known."
        if key == "cutmix" and KINDS[kind].mixing == "values":
            yield f"The size of a box does not say what it adds to a target of the kind '{kind}'; data.mixup is linear."
    for term in contract.terms_for(targets):
        if term.contract.inputs != "single":
            name = term.contract.name
            yield f"loss={name} compares samples (inputs: {term.contract.inputs}): a mixed one has no class of its own."
