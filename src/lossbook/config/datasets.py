"""Write docs/data.md: every data option, its target kind, what it holds and what it needs, read off the options."""

from __future__ import annotations

import re
from collections.abc import Mapping

from lossbook.config.options import Options, conf_folder
from lossbook.config.pairings import table
from lossbook.targets import KINDS

_INTRODUCTION = """# Data

Made by `python scripts/pairings.py data > docs/data.md` from the options in `conf/data/`; the head of each has more. A
loss takes data whose target is of a kind that it knows: [pairings.md](pairings.md). Sets of torchvision are read from
`data.root`, and downloaded to it only with `data.download=true`.
"""


def page(options: Options | None = None) -> str:
    """Return the whole page of the docs."""
    options = options or Options([conf_folder()])
    names = options.names("data")
    own = [name for name in names if options.needs_files(f"data/{name}") and not _downloads(options, name)]
    known = [name for name in names if _downloads(options, name)]
    offline = [name for name in names if name not in (*own, *known)]
    sections = [
        ("Your own", own),
        ("Sets of torchvision", known),
        ("At hand without files", offline),
    ]
    tables = (f"\n## {title}\n\n{_rows(options, chosen)}\n" for title, chosen in sections if chosen)
    return _INTRODUCTION + "".join(tables)


def _rows(options: Options, names: list[str]) -> str:
    rows = []
    for name in names:
        what, command = _head(options, name)
        rows.append([f"`{name}`", what, _kinds(options, name), f"`{command}`"])
    return table(["data", "what it holds", "target", "command"], rows)


def _downloads(options: Options, name: str) -> bool:
    stated = options.stated(f"data/{name}")[0]
    return "download" in stated and "root" in stated


def _kinds(options: Options, name: str) -> str:
    """Return the kind of the target, or those that the comment beside it names."""
    target = options.stated(f"data/{name}")[0].get("target", "")
    if isinstance(target, Mapping):
        return ", ".join(target.values())
    comment = re.search(r"^target:[^#]*#(.*)", _text(options, name), re.MULTILINE)
    named = [kind for kind in KINDS if comment and re.search(rf"\b{kind}\b", comment[1])]
    return ", ".join(named) if len(named) > 1 and target in named else str(target)


def _text(options: Options, name: str) -> str:
    path = options.file(f"data/{name}")
    assert path is not None
    return path.read_text(encoding="utf-8")


def _head(options: Options, name: str) -> tuple[str, str]:
    """Return the first sentence or two of an option's head, and its first command."""
    lines = [line.removeprefix("#") for line in _text(options, name).splitlines() if line.startswith("#")]
    command = next((line.strip() for line in lines if line.startswith("     ")), "")
    before = [line.strip() for line in lines[: next(i for i, line in enumerate(lines) if line.startswith("     "))]]
    return re.sub(r",? through torchvision| Offline\.", "", " ".join(before)).replace("|", "/"), command
