"""What folders, files and tables call the parts of a set."""

from __future__ import annotations

PART_NAMES = {  # in any case
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}
PART_OF = {name: part for part, names in PART_NAMES.items() for name in names}


def part_of(name: str) -> str | None:
    """The part (``train``, ``val`` or ``test``) that a name stands for, in upper or lower case; None where none."""
    return PART_OF.get(name.strip().lower())
