"""Listing a folder of images: subfolders, files that are images by extension, and why others are skipped."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from lossbook.errors import refuse

# which Pillow always reads; for others it is asked when they occur
EXTENSIONS = {
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".gif", ".webp", ".bmp", ".dib", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm"),
}
# Pillow identifies these, but cannot decode them, or runs another program to do so
DOCUMENTS = {"BUFR", "EPS", "GRIB", "HDF5", "IPTC", "MPEG", "PDF", "WMF"}
_UNREAD = {  # images that Pillow may not read
    *(".heic", ".heif", ".hif", ".avif", ".jxl", ".jp2", ".svg", ".exr", ".hdr"),
    *(".raw", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2"),
}
_SYSTEM = {"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "@eadir", "$recycle.bin"}
AGAIN = "linked again"


def folders_in(folder: Path, skipped: Counter[str]) -> list[str]:
    """Return the names of the subfolders, sorted; files are counted in ``skipped``."""
    names = []
    for entry in _entries(str(folder), skipped):
        if _is_folder(entry):
            names.append(entry.name)
        else:
            skipped[_reason(entry) or "outside the class folders"] += 1
    return names


def images_in(folder: Path, skipped: Counter[str]) -> list[tuple[str, str]]:
    """Return the images anywhere in a folder or in folders linked into it: names below it, and real paths."""
    found, seen = [], set()
    folders: list[tuple[str, str]] = [("", os.path.realpath(folder))]
    links: list[tuple[str, str]] = []
    while folders or links:
        prefix, real = folders.pop() if folders else links.pop(0)  # folders before links to them
        if real in seen:
            skipped[AGAIN] += 1
            continue
        seen.add(real)
        for entry in _entries(real, skipped):
            path = os.path.realpath(entry.path) if entry.is_symlink() else entry.path
            if _is_folder(entry):
                (links if entry.is_symlink() else folders).append((f"{prefix}{entry.name}/", path))
            elif reason := _reason(entry):
                skipped[reason] += 1
            else:
                found.append((prefix + entry.name, path))
    return found


def _entries(folder: str, skipped: Counter[str]) -> list[os.DirEntry[str]]:
    """Return the entries of a folder, sorted by name, without hidden files and those of file managers."""
    try:
        with os.scandir(folder) as scanned:
            entries = sorted(scanned, key=lambda entry: entry.name)
    except OSError as error:
        raise refuse(f"{folder} cannot be read", str(error.strerror), f"chmod u+rx {folder}") from error
    shown = []
    for entry in entries:
        if not entry.name.startswith(".") and entry.name.lower() not in _SYSTEM:
            shown.append(entry)
        elif _is_folder(entry):
            skipped["hidden"] += sum(len(files) for _, _, files in os.walk(entry.path))
        else:
            skipped["hidden"] += 1
    return shown


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _reason(entry: os.DirEntry[str]) -> str | None:
    """Return why a file is not an image, judged by its name; None if it is one."""
    extension = os.path.splitext(entry.name)[1].lower()
    if readable(extension):
        return None
    if entry.is_symlink() and not os.path.exists(entry.path):
        return "broken link"
    if not extension[1:].isalnum():
        return "without a known extension"
    return f"{extension} ({'Pillow cannot read it' if extension in _UNREAD else 'not an image'})"


@lru_cache(maxsize=1000)
def readable(extension: str) -> bool:
    """Return whether files with this extension (lower case, with its dot) are images that Pillow can read."""
    if extension in EXTENSIONS:
        return True
    if not extension:
        return False
    from PIL import Image

    kind = Image.registered_extensions().get(extension)
    return kind in Image.OPEN and kind not in DOCUMENTS


def counts_in_words(numbers: Mapping[str, int], most: int = 8) -> str:
    """Return counts as a sentence, the largest first: ``3 hidden, 2 .txt (not an image)``."""
    kinds = sorted(((count, kind) for kind, count in numbers.items() if count), key=lambda pair: (-pair[0], pair[1]))
    more = sum(count for count, _ in kinds[most:])
    return ", ".join([f"{count:,} {kind}" for count, kind in kinds[:most]] + [f"{more:,} others"] * bool(more))
