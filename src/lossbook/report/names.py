"""Labels of configurations: short, readable and unique."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from itertools import takewhile

_SELF_EVIDENT = ("loss", "optim", "data", "model")  # the name of an option tells its group
_LONGEST = 72
_LONGEST_VALUE = 24


def labels(
    keys: Sequence[str], every: Sequence[Sequence[str]], typed: Sequence[Collection[str]] | None = None
) -> list[str]:
    """Return a short, unique label for each configuration.

    Args:
        keys: of the settings.
        every: their values, one sequence per configuration.
        typed: the keys on the command line of each; others are left out of its label unless it would not be unique.
    """
    shortened = [cuts([values[at] for values in every], _LONGEST_VALUE) for at in range(len(keys))]
    every = [[shortened[at][value] for at, value in enumerate(values)] for values in every]
    known = [set(keys if typed is None else typed[at]).union(_SELF_EVIDENT) for at in range(len(every))]
    found = [label(keys, values, wanted) for values, wanted in zip(every, known, strict=True)]
    for same in _alike(found):
        apart = {key for at, key in enumerate(keys) if len({every[place][at] for place in same}) > 1}
        for place in same:
            found[place] = label(keys, every[place], known[place] | apart)
    for same in _alike(found):  # shortened to the same
        for number, place in enumerate(same, 1):
            found[place] = f"{found[place]} ({number})"
    return found


def _alike(names: Sequence[str]) -> list[list[int]]:
    """Return the positions of equal names, for each name that occurs more than once."""
    where: dict[str, list[int]] = defaultdict(list)
    for place, name in enumerate(names):
        where[name].append(place)
    return [places for places in where.values() if len(places) > 1]


def label(keys: Sequence[str], values: Sequence[str], wanted: Collection[str]) -> str:
    """Return ``mse, adam, lr=0.01``: names of options alone, values with the last part of their key."""
    parts = []
    for key, value in zip(keys, values, strict=True):
        if value == "" or key not in wanted:
            continue
        bare = key in _SELF_EVIDENT and value != "null"
        parts.append(value if bare else f"{short(key, keys)}={value}")
    whole = ", ".join(parts) or "defaults"
    while len(whole) > _LONGEST and len(parts) > 1:  # parts are dropped, never cut
        parts.pop()
        whole = ", ".join([*parts, "…"])
    return whole


def cuts(texts: Sequence[str], longest: int) -> dict[str, str]:
    """Map texts to one line each, shortened if longer than ``longest``, and unique."""
    found = {text: _cut(" ".join(text.split()), longest) for text in dict.fromkeys(texts)}
    for same in _alike(list(found.values())):
        long = [list(found)[place] for place in same]
        shared = sum(1 for _ in takewhile(lambda letters: len(set(letters)) == 1, zip(*long, strict=False)))
        start = max(0, shared - 2)
        for text in long:
            found[text] = "…" * bool(start) + _cut(" ".join(text[start:].split()), longest - 1)
    taken: set[str] = set()
    for text, short in found.items():
        number, name = 1, short
        while name in taken:
            number += 1
            name = f"{short} #{number}"
        taken.add(name)
        found[text] = name
    return found


def _cut(text: str, longest: int) -> str:
    """Cut the middle out of a text that is too long."""
    if len(text) <= longest:
        return text
    tail = (longest - 1) // 3
    return f"{text[: longest - 1 - tail]}…{text[-tail:]}"


def short(key: str, keys: Sequence[str]) -> str:
    """Return the last part of a key, or all of it if another key ends in the same part."""
    last = key.rpartition(".")[2]
    return last if sum(other.rpartition(".")[2] == last for other in keys) == 1 else key
