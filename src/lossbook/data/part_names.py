"""Names by which folders, files and tables may call the parts of a dataset."""

from __future__ import annotations

PART_NAMES = {  # in any case
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}
PART_OF = {name: part for part, names in PART_NAMES.items() for name in names}


def part_of(name: str) -> str | None:
    """Return the part (``train``, ``val`` or ``test``) that a name stands for, in any case; None if it is unknown."""
    return PART_OF.get(name.strip().lower())
