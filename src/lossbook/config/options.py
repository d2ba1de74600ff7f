"""The option files that a user chooses from: where they are, which exist, and the defaults that they set."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

GROUPS = (
    "loss", "optim", "param_groups", "scheduler", "data", "augment", "model", "task", "trainer", "logger", "callbacks",
    "experiment",
)  # fmt: skip
RECIPES = ("augment", "experiment")  # groups without a node of their own: their options set values of others
KEYS = (*GROUPS, "metrics", "seed", "ckpt", "ckpt_lr", "choices", "overrides")  # at the top of a config, in their order

_LISTS = ("logger", "callbacks")  # several options at once
_ABSENT = object()


def may_list(key: str) -> bool:
    """Return whether a key may be a list: any value may, and of the groups only loggers and callbacks."""
    return key not in GROUPS or key in _LISTS


def conf_folder() -> Path:
    """Return the folder of our options: ``lossbook/conf`` in an installed package, else ``conf`` of the repository."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "conf"
    return installed if installed.is_dir() else package.parents[1] / "conf"


class Options:
    """The options in a list of folders; if two folders hold the same option, the first one counts, as in Hydra.

    Args:
        folders: our ``conf`` and those that ``--config-dir`` or ``hydra.searchpath`` add.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = list(folders)

    def names(self, group: str) -> list[str]:
        """Return the options of a group, in alphabetical order."""
        return sorted({path.stem for folder in self.folders for path in (folder / group).glob("*.yaml")})

    def has_group(self, name: str) -> bool:
        return "." not in name and any((folder / name).is_dir() for folder in self.folders)

    def file(self, option: str) -> Path | None:
        """Return the file of an option (``loss/ctc``), None if there is none."""
        return next((path for folder in self.folders if (path := folder / f"{option}.yaml").is_file()), None)

    def package(self, option: str) -> str | None:
        """Return the package in an option's file (``# @package _global_``), None if it has none."""
        path = self.file(option)
        found = re.search(r"^\s*#\s*@package\s+(\S+)", path.read_text(encoding="utf-8"), re.MULTILINE) if path else None
        return found[1] if found else None

    def stated(self, option: str) -> tuple[dict[str, Any], bool]:
        """Return the values that an option's file sets, and those of the options that it is based on.

        Of a file for the whole config (``# @package _global_``), only the values of its own group are returned.

        Returns:
            The values as plain containers, interpolations not resolved; and whether they are complete. They are not
            if the file is missing or its defaults list includes other groups, which only Hydra can follow.
        """
        path = self.file(option)
        if path is None:
            return {}, False
        content = _read(path, path.stat().st_mtime_ns)
        values: dict[str, Any] = {}
        own = {name: value for name, value in content.items() if name != "defaults"}
        whole = self.package(option) is None
        if self._beyond_its_group(option):
            own, whole = _mapping(own.get(option.partition("/")[0])), True
        for entry in content.get("defaults", ["_self_"]):
            if entry == "_self_":
                _merge(values, own)
            elif isinstance(entry, str) and "@" not in entry:
                base = entry[1:] if entry.startswith("/") else f"{option.rpartition('/')[0]}/{entry}"
                inherited, complete = self.stated(base)
                _merge(values, inherited)
                whole &= complete
            elif not (isinstance(entry, Mapping) and all(str(key).startswith("override ") for key in entry)):
                whole = False
        if "_self_" not in content.get("defaults", ["_self_"]):
            _merge(values, own)
        return values, whole

    def named(self, option: str, group: str) -> str | None:
        """Return the default of another group that this option sets (``override /data@_global_.data: digits``)."""
        path = self.file(option)
        for entry in _read(path, path.stat().st_mtime_ns).get("defaults", ()) if path else ():
            for key, name in entry.items() if isinstance(entry, Mapping) else ():
                if re.fullmatch(rf"override /{group}(@_global_\.{group})?", str(key)):
                    return str(name)
        return None

    def default(self, group: str) -> str:
        """Return the option of a group that ``train.yaml`` chooses."""
        path = self.file("train")
        assert path is not None, "our own conf is among the folders"
        entries = _read(path, path.stat().st_mtime_ns)["defaults"]
        return next(str(entry[group]) for entry in entries if isinstance(entry, Mapping) and group in entry)

    def that_state(self, key: str) -> list[str]:
        """Return the options whose file sets this key, as ``group=name``; none if the key is not in a group."""
        group, *path = key.split(".")
        found = []
        for name in self.names(group) if path and group not in RECIPES else ():
            node: Any = self.stated(f"{group}/{name}")[0]
            for part in path:
                node = node.get(part, _ABSENT) if isinstance(node, Mapping) else _ABSENT
            if node is not _ABSENT:
                found.append(f"{group}={name}")
        return found

    def declared(self, choices: Mapping[str, Any]) -> dict[str, Any]:
        """Return the defaults of all keys under these choices, from the options' own files.

        A group whose files are not complete is left out.
        """
        top, _ = self.stated("train")
        defaults = {key: value for key, value in top.items() if key != "hydra"}
        for group, chosen in choices.items():
            if group in RECIPES:
                continue
            node: dict[str, Any] = {}
            whole = True
            for name in chosen if isinstance(chosen, list) else [chosen]:
                values, complete = self.stated(f"{group}/{name}")
                _merge(node, values)
                whole &= complete
            if whole:
                defaults[group] = node
        for group, values in self._brought(choices):  # the group's own values come first
            node = {}
            _merge(node, values)
            _merge(node, _mapping(defaults.get(group)))
            if group in defaults:
                defaults[group] = node
        return defaults

    def _beyond_its_group(self, option: str) -> bool:
        """Return whether an option, other than an experiment, sets values of other groups as well."""
        group = option.partition("/")[0]
        return group in GROUPS and group != "experiment" and self.package(option) == "_global_"

    def _brought(self, choices: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield what the chosen options set in groups other than their own."""
        for group, chosen in choices.items():
            for name in chosen if isinstance(chosen, list) else [chosen]:
                path = self.file(f"{group}/{name}") if self._beyond_its_group(f"{group}/{name}") else None
                for other, values in _read(path, path.stat().st_mtime_ns).items() if path else ():
                    if other in GROUPS and other != group and isinstance(values, Mapping):
                        yield other, dict(values)


def _mapping(node: Any) -> dict[str, Any]:
    return {str(key): value for key, value in node.items()} if isinstance(node, Mapping) else {}


def _merge(into: dict[str, Any], values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), Mapping):
            into[key] = dict(into[key])
            _merge(into[key], value)
        else:
            into[key] = value


@lru_cache(maxsize=256)
def _read(path: Path, changed: int) -> dict[str, Any]:
    """Read a YAML file as Hydra does (1e-3 is a number); ``changed`` is only part of the cache's key."""
    from omegaconf import OmegaConf

    content = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    return _mapping(content)
