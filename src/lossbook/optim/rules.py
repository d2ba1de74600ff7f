"""Rules over parameters: which ones, and what holds for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from lossbook.optim.places import Place
from lossbook.optim.rule_checks import KEYS, SELECTORS, UNTIL

RATES = ("lr", "lr_scale")  # two ways to say the same thing


@dataclass(frozen=True)
class Rule:
    """What holds for some parameters.

    Args:
        values: hyperparameters, ``lr_scale`` among them.
        freeze: not trained; ``until`` says up to when. None: says nothing of it.
        until: ``(epoch | step | share, number)``: frozen before that epoch or step, or that share of the run's steps.
        match: a glob over names (``model.head.*``).
        type: a glob over the class names of the modules around (``BatchNorm*``).
        vectors: tensors of at most one dimension: norms, biases, temperatures.
        part: ``backbone`` or ``head`` (the network's last layer).
        layer: counted from the output; by presets alone.
        name: of the group that comes of it.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    freeze: bool | None = None
    until: tuple[str, float] | None = None
    match: str | None = None
    type: str | None = None
    vectors: bool = False
    part: str | None = None
    layer: int | None = None
    name: str = ""

    @classmethod
    def read(cls, node: Mapping[str, Any]) -> Rule:
        """A rule from its YAML node, whose keys have been checked."""
        until = next(((key.removeprefix("until_"), node[key]) for key in UNTIL if node.get(key) is not None), None)
        values = {key: value for key, value in node.items() if key not in KEYS or key == "lr_scale"}
        chosen = {key: node[key] for key in (*SELECTORS, "name", "freeze") if node.get(key) is not None}
        return cls(values, until=until, **chosen)

    @property
    def label(self) -> str:
        """What its group is called: the name that was given, or what it selects by."""
        return self.name or self.match or self.type or self.part or ("vectors" if self.vectors else "every")

    @property
    def selects(self) -> bool:
        return bool(self.match or self.type or self.vectors or self.part or self.layer is not None)

    def covers(self, place: Place) -> bool:
        """Whether all that it selects by holds for this parameter."""
        return self.selects and all(
            (
                self.match is None or any(fnmatchcase(name, self.match) for name in place.names),
                self.type is None or any(fnmatchcase(name, self.type) for name in place.types),
                not self.vectors or place.parameter.ndim <= 1,
                self.part is None or (place.layer is not None and (place.layer == 0) == (self.part == "head")),
                self.layer is None or place.layer == self.layer,
            )
        )

    def said(self) -> Iterator[tuple[str, Any]]:
        """What it says, by the hyperparameter that it decides: the learning rate (however given), freezing, others."""
        for key, value in self.values.items():
            yield ("lr", (key, value)) if key in RATES else (key, value)
        if self.freeze is not None:
            yield "freeze", self.until or self.freeze


def expand(preset: Sequence[Mapping[str, Any]], depth: int) -> list[Rule]:
    """A preset's entries as rules; two of them speak of each of the network's ``depth`` layers in turn.

    ``layer_decay: 0.75``: a layer's learning rate is that of the one above times 0.75 (Howard and Ruder 2018; Clark et
    al. 2020). ``unfrozen_by: 0.5``: the last layer is trained from the start, the others join one by one from the
    output downwards, the first one after half of the run (gradual unfreezing, Howard and Ruder 2018).
    """
    rules: list[Rule] = []
    for entry in preset:
        if "layer_decay" in entry:
            scale = entry["layer_decay"]
            rules += [Rule({"lr_scale": scale**layer}, layer=layer, name=_named(layer)) for layer in range(1, depth)]
        elif "unfrozen_by" in entry:
            share = entry["unfrozen_by"]
            rules += [
                Rule(freeze=True, until=("share", share * layer / (depth - 1)), layer=layer, name=_named(layer))
                for layer in range(1, depth)
            ]
        else:
            rules.append(Rule.read(entry))
    return rules


def _named(layer: int) -> str:
    return f"layer_-{layer + 1}"  # as Python counts from the end: the last one is -1
