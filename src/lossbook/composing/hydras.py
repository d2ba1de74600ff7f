"""Hydra's part of composing, without its own node and its global state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lossbook.composing.arguments import parse


def with_hydra(overrides: Sequence[str], folders: Sequence[Path]) -> tuple[dict[Any, Any], dict[str, Any]]:
    """What Hydra composes, as plain containers, and the option chosen in each group.

    This takes the steps of ``hydra.compose`` but those that make Hydra's own node, which take two thirds of its time
    and would need its global state.
    """
    from hydra._internal.config_loader_impl import ConfigLoaderImpl
    from hydra._internal.config_repository import CachingConfigRepository
    from hydra._internal.defaults_list import create_defaults_list
    from hydra._internal.utils import create_config_search_path
    from hydra.core.config_search_path import SearchPathQuery
    from hydra.types import RunMode
    from omegaconf import OmegaConf

    with _version_base("1.3"):
        search_path = create_config_search_path(str(folders[0]))
        for folder in folders[1:]:
            search_path.prepend("command-line", f"file://{folder}", anchor=SearchPathQuery(provider="schema"))
        loader = ConfigLoaderImpl(search_path)
        parsed = parse(overrides)
        loader.validate_sweep_overrides_legal(parsed, RunMode.RUN, from_shell=True)
        repository = CachingConfigRepository(loader.repository)
        listed = create_defaults_list(repository, "train", parsed, prepend_hydra=False, skip_missing=False)
        config = loader._compose_config_from_defaults_list(listed.defaults, repository)
        OmegaConf.set_struct(config, True)
        loader._apply_overrides_to_config(listed.config_overrides, config)
    values = OmegaConf.to_container(config, resolve=False)
    assert isinstance(values, dict)
    return values, dict(listed.overrides.known_choices)


@contextmanager
def _version_base(wanted: str) -> Iterator[None]:
    """Hydra's rules of this version, which are global, and afterwards those that held before."""
    from hydra import version

    holder = version.VersionBase.instance()
    before = holder.version_base
    version.setbase(wanted)
    try:
        yield
    finally:
        holder.version_base = before
