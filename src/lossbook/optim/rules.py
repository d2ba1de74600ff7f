"""Rules for parameters: a selection by name, class or layer, and the hyperparameters that it gets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from lossbook.optim.named_parameters import NamedParameter
from lossbook.optim.rule_checks import KEYS, SELECTORS, UNTIL

RATES = ("lr", "lr_scale")  # two ways to set the learning rate


@dataclass(frozen=True)
class ParameterRule:
    """A selection of parameters, and what is set for them.

    Args:
        values: hyperparameters, including ``lr_scale``.
        freeze: do not train them, or until ``until``; None: undecided.
        until: ``(epoch | step | share, number)``: frozen before that epoch or step, or that share of the run's steps.
        match: a glob over names (``model.head.*``).
        type: a glob over the class names of the modules that contain the parameter (``BatchNorm*``).
        vectors: only tensors of at most one dimension: norms, biases, temperatures.
        part: ``backbone`` or ``head`` (the network's last layer).
        layer: number of the layer, counted from the output; set by presets only.
        name: of the resulting group.
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
    def read(cls, node: Mapping[str, Any]) -> ParameterRule:
        """Return the rule of a YAML node whose keys have been checked."""
        until = next(((key.removeprefix("until_"), node[key]) for key in UNTIL if node.get(key) is not None), None)
        values = {key: value for key, value in node.items() if key not in KEYS or key == "lr_scale"}
        chosen = {key: node[key] for key in (*SELECTORS, "name", "freeze") if node.get(key) is not None}
        return cls(values, until=until, **chosen)

    @property
    def label(self) -> str:
        """Name of its group: the given one, or the selector."""
        return self.name or self.match or self.type or self.part or ("vectors" if self.vectors else "every")

    @property
    def selects(self) -> bool:
        return bool(self.match or self.type or self.vectors or self.part or self.layer is not None)

    def covers(self, one: NamedParameter) -> bool:
        """Return whether all selectors of the rule match a parameter."""
        return self.selects and all(
            (
                self.match is None or any(fnmatchcase(name, self.match) for name in one.names),
                self.type is None or any(fnmatchcase(name, self.type) for name in one.types),
                not self.vectors or one.parameter.ndim <= 1,
                self.part is None or (one.layer is not None and (one.layer == 0) == (self.part == "head")),
                self.layer is None or one.layer == self.layer,
            )
        )

    def settings(self) -> Iterator[tuple[str, Any]]:
        """Yield what it decides and how: ``lr`` (as ``(lr | lr_scale, number)``), ``freeze``, other hyperparameters."""
        for key, value in self.values.items():
            yield ("lr", (key, value)) if key in RATES else (key, value)
        if self.freeze is not None:
            yield "freeze", self.until or self.freeze


def expand(preset: Sequence[Mapping[str, Any]], depth: int) -> list[ParameterRule]:
    """Return a preset's entries as rules; two kinds of entries become one rule for each of ``depth`` layers.

    ``layer_decay: 0.75``: the learning rate of a layer is 0.75 times that of the layer above (Howard and Ruder 2018;
    Clark et al. 2020). ``unfrozen_by: 0.5``: the last layer is trained from the start, the others are unfrozen one by
    one from the output downwards, the first layer after half of the run (gradual unfreezing, Howard and Ruder 2018).
    """
    rules: list[ParameterRule] = []
    for entry in preset:
        if "layer_decay" in entry:
            scale = entry["layer_decay"]
            rules += [
                ParameterRule({"lr_scale": scale**layer}, layer=layer, name=_named(layer)) for layer in range(1, depth)
            ]
        elif "unfrozen_by" in entry:
            share = entry["unfrozen_by"]
            rules += [
                ParameterRule(
                    freeze=True, until=("share", share * layer / (depth - 1)), layer=layer, name=_named(layer)
                )
                for layer in range(1, depth)
            ]
        else:
            rules.append(ParameterRule.read(entry))
    return rules


def _named(layer: int) -> str:
    return f"layer_-{layer + 1}"  # as Python counts from the end: the last one is -1
