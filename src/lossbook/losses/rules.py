"""Constraints between values of a config, written in YAML and checked without torch."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lossbook.errors import Problem, refuse, typed

_BOUND = re.compile(r"(<=|>=|<|>)\s*(-?[\d.]+(?:e-?\d+)?)$")
_COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


@dataclass(frozen=True)
class Rule:
    """When some values hold, others must: ``{when: {key: value}, need: {key: condition}, why: text}``.

    Args:
        need: dotted key of the config -> a list of the values allowed, or a bound such as ``"> 0"``.
        when: dotted key -> the value or list of values under which the rule applies; always where empty.
        why: the reason, as a sentence for the user.
    """

    need: Mapping[str, Any]
    when: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""

    @classmethod
    def read(cls, node: Mapping[str, Any]) -> Rule:
        """A rule from its YAML node; raises UserError where it is not of the form above."""
        unknown = set(node) - {"need", "when", "why"}
        if unknown or not isinstance(node.get("need"), Mapping):
            raise refuse(f"The rule {dict(node)}", "A rule is {when: {key: value}, need: {key: condition}, why: text}.")
        for condition in node["need"].values():
            if not isinstance(condition, Sequence) or (isinstance(condition, str) and not _BOUND.match(condition)):
                raise refuse(
                    f"The condition {condition!r}", "A condition is a list of values, or a bound such as '> 0'."
                )
        return cls(**node)

    def moved(self, key: str) -> Rule:
        """Return the rule for a loss that stands at ``key`` of the config in place of ``loss``."""

        def there(conditions: Mapping[str, Any]) -> dict[str, Any]:
            return {
                key + name.removeprefix("loss") if name.startswith("loss.") else name: condition
                for name, condition in conditions.items()
            }

        return Rule(there(self.need), there(self.when), self.why)

    def problems(self, config: Mapping[str, Any]) -> list[Problem]:
        """What the config (a plain nested dict) does against this rule; keys that it lacks are passed over."""
        for key, value in self.when.items():
            found, given = look_up(config, key)
            if not found or given not in _as_list(value):
                return []
        broken = []
        for key, condition in self.need.items():
            found, given = look_up(config, key)
            if found and not _holds(given, condition):
                broken.append(
                    Problem(f"{key}={typed(given)}{self._given(config)}", self.why or "", _fix(key, given, condition))
                )
        return broken

    def _given(self, config: Mapping[str, Any]) -> str:
        others = [f"{key}={typed(look_up(config, key)[1])}" for key in self.when]
        return f" with {', '.join(others)}" if others else ""


def look_up(config: Mapping[str, Any], key: str) -> tuple[bool, Any]:
    """Whether the dotted key exists in a nested dict, and its value."""
    node: Any = config
    for part in key.split("."):
        if not isinstance(node, Mapping) or part not in node:
            return False, None
        node = node[part]
    return True, node


def _holds(value: Any, condition: Any) -> bool:
    if isinstance(condition, str):
        match = _BOUND.match(condition)
        assert match
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return True  # a bound is about numbers; types are checked elsewhere
        return bool(_COMPARE[match[1]](value, float(match[2])))
    return value in condition


def _as_list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple)) else [value]


def _fix(key: str, given: Any, condition: Any) -> str:
    """A value that will do, as it is typed; between numbers that are not whole there is no nearest."""
    if isinstance(condition, str):
        match = _BOUND.match(condition)
        assert match
        bound = float(match[2])
        if match[1] in ("<=", ">="):
            return f"{key}={bound:g}"
        return f"{key}={bound + (1 if match[1] == '>' else -1):g}" if isinstance(given, int) else f"{key} {condition}"
    return " or ".join(f"{key}={typed(value)}" for value in condition)
