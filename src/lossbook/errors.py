"""Errors for users: what was given, the rule it breaks, and the fix."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Problem:
    """One mistake, in at most four lines of text.

    Args:
        given: what the user wrote or supplied, as they would recognize it (``loss.criterion.margin=0``).
        rule: what must hold instead, as a full sentence.
        fix: what to type or change.
    """

    given: str
    rule: str
    fix: str = ""

    def __str__(self) -> str:
        lines = [self.given, f"  {self.rule}"]
        if self.fix:
            lines.append(f"  Fix: {self.fix}")
        return "\n".join(lines)


class UserError(Exception):
    """One or several mistakes of a user; scripts print it without a traceback and exit with 1."""

    def __init__(self, *problems: Problem) -> None:
        assert problems, "an error without a problem says nothing"
        super().__init__(*problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


class Pruned(Exception):  # noqa: N818  (a status, not an error)
    """Raised by a callback to end a run that is not worth its time, with the status ``pruned``.

    The best metrics so far are recorded, nothing is printed as an error, and ``lossbook.train`` raises it again. Raise
    it in ``on_train_epoch_start``: by then the epoch before is logged, compared with the best and saved.
    """


def refuse(given: str, rule: str, fix: str = "") -> UserError:
    """Return the error for a single mistake, to be raised by the caller."""
    return UserError(Problem(given, rule, fix))


def nearest(name: str, options: Iterable[str]) -> str | None:
    """Return the option spelled most like ``name``, or None where nothing comes close."""
    known = {option.casefold(): option for option in options}
    found = difflib.get_close_matches(name.casefold(), list(known), n=1, cutoff=0.5)
    return known[found[0]] if found else None


def typed(value: Any) -> str:
    """Return a value as it is typed on the command line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(typed, value)) + "]"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{typed(inner)}" for key, inner in value.items()) + "}"
    return str(value)
