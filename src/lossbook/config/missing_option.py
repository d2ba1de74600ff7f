"""An option that does not exist (``loss=ctcc``): what there is instead, torchvision's architectures included."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from pathlib import Path
from typing import Any

from lossbook.config.options import Options
from lossbook.errors import UserError, nearest, refuse

_LAUNCHERS = ("joblib", "submitit_local", "submitit_slurm")  # of packages that the base installation does not include


def missing_option(error: Any, file: str | None, arguments: Sequence[str], options: Options) -> UserError:
    """Return the refusal of an option that is in no folder, with the nearest one that is.

    Args:
        error: Hydra's ``MissingConfigException``.
        file: the option's file that asks for it, if it is not the command line.
        arguments: the overrides of the command line.
        options: that exist.
    """
    group, _, name = (error.missing_cfg_file or "").rpartition("/")
    while "/" in group and not options.has_group(group) and not group.startswith("hydra/"):
        group, _, more = group.rpartition("/")
        name = f"{more}/{name}"
    if not group:
        return refuse(f"--config-name {name}", "There is no such primary config.", "leave --config-name out")
    given = f"{group}={name}"
    if file and given not in arguments:
        given += f" in {file}.yaml"
    if any((folder / group / f"{name}.yml").is_file() for folder in options.folders):
        return misnamed(given, name)
    if group == "model" and (arch := _architecture(name, options.names(group))):
        rule = f"There is no model {name}. model=torchvision takes torchvision's architectures."
        return refuse(given, rule, f"model=torchvision model.arch={arch}")
    there = sorted({*(error.options or []), *options.names(group)})
    near = nearest(name, there)
    fix = f"{group}={near}" if near else f"{group}=NAME, one of these" if there else "--help lists the options"
    if group == "hydra/launcher" and name in _LAUNCHERS:
        fix = "pip install -e '.[sweep]', which installs it"
    said = f"There is no {group} {name}." if name else f"{group} takes the name of an option."
    return refuse(given, f"{said} There are: {_listed(there, name if near else '')}.", fix)


def _architecture(name: str, models: Sequence[str]) -> str | None:
    """Return torchvision's network with the nearest name, None if one of our models is nearer."""
    found = nearest(name.lower().replace("-", "_"), [*models, *architectures()])
    return found if found in architectures() else None


@lru_cache(maxsize=1)
def architectures() -> tuple[str, ...]:
    """Return the names of torchvision's classification networks, read from its source: importing it takes seconds."""
    spec = importlib.util.find_spec("torchvision")
    folders = [Path(place) / "models" for place in (spec.submodule_search_locations or ())] if spec else []
    registered = r"^@register_model\(\)\n(?:@.*\n)*def (\w+)"
    texts = [path.read_text(encoding="utf-8") for folder in folders for path in sorted(folder.glob("*.py"))]
    return tuple(name for text in texts for name in re.findall(registered, text, re.MULTILINE))


def _listed(names: Sequence[str], meant: str) -> str:
    """Join all names, or the nearest ones if there are many and one is meant."""
    if not meant or len(names) <= 8:
        return ", ".join(names)
    alike = sorted(names, key=lambda name: -SequenceMatcher(None, meant, name).ratio())
    return f"{', '.join(alike[:5])}, ... ({len(names)} in all: --help)"


def misnamed(given: str, name: str) -> UserError:
    """Return the refusal of an option's file that does not end in .yaml."""
    return refuse(given, "An option file must end in .yaml.", f"rename {name}.yml to {name}.yaml")
