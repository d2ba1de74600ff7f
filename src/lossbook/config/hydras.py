"""Hydra's part of composing, without its own node and its global state."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossbook.config.arguments import parse
from lossbook.config.terms import clear_replaced

if TYPE_CHECKING:
    from omegaconf import DictConfig

Composes = Callable[[Sequence[str]], "tuple[DictConfig, dict[str, Any]]"]


def with_hydra(overrides: Sequence[str], folders: Sequence[Path]) -> tuple[DictConfig, dict[str, Any]]:
    """What Hydra composes out of the options in these folders, and the option chosen in each group."""
    return reader(folders)(overrides)


def reader(folders: Sequence[Path]) -> Composes:
    """``with_hydra`` for many lists of overrides: a file is read once, so that no later change of it is seen.

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

    placed: dict[tuple[str, str | None], bytes] = {}

    class Loader(ConfigLoaderImpl):
        """Keeps what a file says, where it belongs; in a form to copy from, for Hydra merges others into it."""

        def _load_single_config(self, default: Any, repo: Any) -> Any:
            key = (default.config_path, default.package)
            if key not in placed:
                placed[key] = pickle.dumps(super()._load_single_config(default, repo))
            return pickle.loads(placed[key])

    with _version_base("1.3"):
        search_path = create_config_search_path(str(folders[0]))
        for folder in folders[1:]:
            search_path.prepend("command-line", f"file://{folder}", anchor=SearchPathQuery(provider="schema"))
        loader = Loader(search_path)
        repository = CachingConfigRepository(loader.repository)

    def composes(overrides: Sequence[str]) -> tuple[DictConfig, dict[str, Any]]:
        with _version_base("1.3"):
            parsed = parse(overrides)
            loader.validate_sweep_overrides_legal(parsed, RunMode.RUN, from_shell=True)
            listed = create_defaults_list(repository, "train", parsed, prepend_hydra=False, skip_missing=False)
            config = loader._compose_config_from_defaults_list(listed.defaults, repository)
            clear_replaced(config, parsed)
            OmegaConf.set_struct(config, True)
            loader._apply_overrides_to_config(listed.config_overrides, config)
        return config, dict(listed.overrides.known_choices)

    return composes


def main(config_path: str, config_name: str) -> Callable[[Callable[..., Any]], Callable[[], None]]:
    """``hydra.main``: 1.3 warns where it is not told whose defaults hold, 1.4 where it is told."""
    import hydra

    base: Any = {} if _is_new() else {"version_base": "1.3"}
    return hydra.main(config_path=config_path, config_name=config_name, **base)


def register(name: str, resolver: Callable[..., Any], use_cache: bool = False) -> None:
    """A resolver of ours for OmegaConf, instead of one that had its name; what does that has another name in 2.4."""
    from omegaconf import OmegaConf

    its: Any = OmegaConf  # up to 2.3, register_resolver is what register_new_resolver took the place of
    register = its.register_resolver if _is_new() else its.register_new_resolver
    register(name, resolver, use_cache=use_cache, replace=True)


def _is_new() -> bool:
    """Whether this is Hydra's 1.4 line, with OmegaConf's 2.4, and not 1.3 with 2.3."""
    from hydra import __version__

    return not __version__.startswith("1.3.")


@contextmanager
def _version_base(wanted: str) -> Iterator[None]:
    """Hydra's rules of this version, which are global, and afterwards those that held before."""
    from hydra import version

    holder = version.VersionBase.instance()
    before = holder.version_base
    holder.version_base = version._get_version(wanted)  # past setbase, which warns on 1.4
    try:
        yield
    finally:
        holder.version_base = before
