"""What an exported file says of itself: enough to read new inputs and to word its outputs, without the checkpoint."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import Any

from lossbook.data.fitted import FittedData
from lossbook.data.schema import Schema
from lossbook.errors import refuse
from lossbook.export.sizes import ImageSizes, is_image
from lossbook.export.trace import Graph
from lossbook.losses.bind import FOLLOWING, bind
from lossbook.losses.contract import ACTIVATIONS, INPUTS, PROBABILITIES, Contract
from lossbook.losses.objective import Objective

VERSION = 1
_CRITERION = {"_target_": "torch.nn.MSELoss"}  # of a contract that only decodes: any will do
_BYTES, _AS_GIVEN = "bytes divided by 255, not normalised", "as the reader gives them"


@dataclass(frozen=True)
class Metadata:
    """What is written into an exported file.

    Args:
        fitted: what the data was fitted to.
        contracts: how each head's output is decoded, by its name.
        widths: of each head's output, by its name.
        thresholds: chosen on validation, by the metric's name, behind the head's.
        about: the file's inputs and outputs, for people and other programs; not needed to read it.
    """

    fitted: FittedData
    contracts: Mapping[str, Contract]
    widths: Mapping[str, int]
    thresholds: Mapping[str, float]
    about: Mapping[str, Any] = field(default_factory=dict)

    def objectives(self) -> dict[str, Objective]:
        """Return what decodes the output of each head, by its name."""
        schemas = self.fitted.schema.heads
        return {name: bind(one, schemas[name], self.widths[name]) for name, one in self.contracts.items()}

    def text(self) -> str:
        """Return all of it as JSON."""
        data = {**self.fitted.state(), "known": None}  # digests of training samples: as many as there are samples
        heads = {
            name: {"width": self.widths[name], **{key: getattr(one, key) for key in _OF_A_CONTRACT}}
            for name, one in self.contracts.items()
        }
        thresholds = dict(self.thresholds)
        stated = {"version": VERSION, "lossbook": version("lossbook"), **self.about}
        return json.dumps({**stated, "heads": heads, "thresholds": thresholds, "data": data}, ensure_ascii=False)

    @classmethod
    def read(cls, text: str, where: str) -> Metadata:
        """Read what ``text`` returned.

        Args:
            text: from the file.
            where: names the file in messages.

        Raises:
            UserError: a later version wrote it, or it is damaged.
        """
        try:
            state = json.loads(text)
            written = int(state["version"])
        except (ValueError, TypeError, KeyError) as error:
            raise _damaged(where, error) from error
        if written > VERSION:
            rule = f"Its metadata are of version {written}, and this is an older Lossbook, which reads {VERSION}."
            raise refuse(where, rule, "update lossbook")
        fitted = FittedData.read(state.get("data"))
        try:
            heads = {name: dict(one) for name, one in state["heads"].items()}
            widths = {name: int(one.pop("width")) for name, one in heads.items()}
            contracts = {name: Contract(criterion=_CRITERION, **one) for name, one in heads.items()}
            thresholds = {str(name): float(value) for name, value in state["thresholds"].items()}
            assert contracts.keys() == fitted.schema.heads.keys(), "heads"
            for one in contracts.values():
                assert one.activation in ACTIVATIONS, "activation"
                assert one.probabilities in PROBABILITIES, "probabilities"
                assert one.inputs in INPUTS, "inputs"
        except (ValueError, TypeError, KeyError, AttributeError, AssertionError) as error:
            raise _damaged(where, error) from error
        return cls(fitted, contracts, widths, thresholds)


_OF_A_CONTRACT = ("name", "accepts", "inputs", "activation", "probabilities", "pairing")


def describe(
    fitted: FittedData,
    heads: Mapping[str, tuple[Contract, Objective]],
    thresholds: Mapping[str, float],
    about: Mapping[str, Any],
) -> Metadata:
    """Return the metadata of a network.

    Args:
        fitted: what its data was fitted to.
        heads: contract and objective that decode each output, by the head's name.
        thresholds, about: as those of ``Metadata``.
    """
    contracts = {}
    for name, (contract, objective) in heads.items():
        kind = objective.schema.target
        followed = {key: contract.criterion[key] for key in FOLLOWING if key in contract.criterion}
        taken = set(_options(objective))
        encoding = {**{key: value for key, value in followed.items() if key in taken}, **contract.accepts[kind]}
        contracts[name] = Contract(
            contract.name,
            _CRITERION,
            {kind: encoding},
            inputs=contract.inputs,
            activation=objective.activation,
            probabilities=objective.probabilities,
            pairing=contract.pairing,
        )
    return Metadata(fitted, contracts, {name: one.output_size for name, (_, one) in heads.items()}, thresholds, about)


def about(graph: Graph, schema: Schema, sizes: ImageSizes | None, checked: Sequence[str]) -> dict[str, Any]:
    """Return what a file states of its inputs and outputs.

    Args:
        graph: that is written.
        schema: of the data.
        sizes: which heights and widths it takes; None where inputs are no images.
        checked: the sizes of inputs at which it was compared with the checkpoint.
    """
    return {
        "inputs": {name: asdict(one) for name, one in graph.inputs.items()},
        "outputs": {name: asdict(one) for name, one in graph.outputs.items()},
        "values": _BYTES if is_image(schema) else _AS_GIVEN,
        "sizes": None if sizes is None else sizes.value,
        "checked": list(checked),
    }


def _options(objective: Objective) -> list[str]:
    return list(inspect.signature(type(objective.encoding)).parameters)


def _damaged(where: str, error: Exception) -> Exception:
    rule = f"Its metadata are damaged ({type(error).__name__}: {str(error)[:100]})."
    return refuse(where, rule, "export the checkpoint again")
