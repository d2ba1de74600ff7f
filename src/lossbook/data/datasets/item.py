"""An item of a Dataset, as its author returns it: taken apart into inputs and target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lossbook.errors import UserError, refuse
from lossbook.targets import KINDS


class ItemError(Exception):
    """A fault of an item: a predicate (``has shape (3, 4)``), a sentence with the rule, and the fix."""

    def __init__(self, fault: str, rule: str, fix: str = "") -> None:
        super().__init__(fault, rule, fix)
        self.fault, self.rule, self.fix = fault, rule, fix

    def at(self, where: str) -> UserError:
        """Return the error for a user; ``where`` names the item."""
        return refuse(f"{where} {self.fault}", self.rule, self.fix)


@dataclass(frozen=True)
class Item:
    """What an item holds.

    Args:
        inputs: one, two of a pair, three of a triplet.
        target: None where its kind has none.
        weight: of the sample; None where items have none.
    """

    inputs: tuple[Any, ...]
    target: Any = None
    weight: Any = None


@dataclass(frozen=True)
class Layout:
    """How items are laid out.

    Args:
        kind: of the target.
        input_key, target_key: of items that are dicts.
    """

    kind: str
    input_key: str = "input"
    target_key: str = "target"

    @property
    def has_target(self) -> bool:
        """Whether a sample of this kind has a target."""
        return self.kind not in ("none", "triplet")

    def read(self, item: Any) -> Item:
        """Take an item apart.

        Raises:
            ItemError: it is laid out otherwise.
        """
        if isinstance(item, Mapping):
            return self._of_dict(item)
        wanted = KINDS[self.kind].inputs
        if not isinstance(item, (tuple, list)):
            if self.kind == "none":
                return Item((item,))
            raise ItemError(f"is a {type(item).__name__}", self._rule(), self._example())
        parts = list(item)
        if wanted > 1 and parts and isinstance(parts[0], (tuple, list)):
            parts[:1] = parts[0]
        if self.kind == "none":
            return Item((parts[0],)) if parts else self._misses(0)
        if len(parts) != wanted + self.has_target:
            return self._misses(len(parts))
        return Item(tuple(parts[:wanted]), parts[wanted] if self.has_target else None)

    def _of_dict(self, item: Mapping[str, Any]) -> Item:
        keys = [("input_key", self.input_key), *([("target_key", self.target_key)] if self.has_target else [])]
        for option, key in keys:
            if key not in item:
                named = ", ".join(map(str, item))
                raise ItemError(f"has no '{key}'", f"Its keys are {named}.", f"data.{option}=KEY, one of these")
        given = item[self.input_key]
        wanted = KINDS[self.kind].inputs
        inputs = tuple(given) if wanted > 1 and isinstance(given, (tuple, list)) else (given,)
        if len(inputs) != wanted:
            raise ItemError(f"has {len(inputs)} inputs in '{self.input_key}'", self._rule(), self._example())
        return Item(inputs, item[self.target_key] if self.has_target else None, item.get("weight"))

    def _misses(self, found: int) -> Item:
        raise ItemError(f"has {found} parts", self._rule(), self._example())

    def _rule(self) -> str:
        return f"A sample with a target of the kind '{self.kind}' (data.target) is {self._shape()}."

    def _shape(self) -> str:
        return {
            "none": "an input",
            "pair": "(first, second, 1 for the same or 0)",
            "triplet": "(anchor, positive, negative)",
        }.get(self.kind, "(input, target)")

    def _example(self) -> str:
        return f"return {self._shape()}, or a dict, in __getitem__; or another data.target"
