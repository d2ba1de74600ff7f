"""What folders, files and tables call the parts of a set."""

from __future__ import annotations

_NAMES = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}
PART_OF = {name: part for part, names in _NAMES.items() for name in names}


def part_of(name: str) -> str | None:
    """The part (``train``, ``val`` or ``test``) that a name stands for, in upper or lower case; None where none."""
    return PART_OF.get(name.strip().lower())
