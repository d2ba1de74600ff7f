"""Every private name of Hydra and OmegaConf that this package uses, and no other file uses one.

``hydra_messages.py`` beside it reads the texts of their errors. Hydra 1.3 (OmegaConf 2.3) and 1.4 (2.4) both serve.
"""

from __future__ import annotations

import pickle
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossbook.config.arguments import parse
from lossbook.config.terms import clear_replaced
from lossbook.invocation import as_typed

if TYPE_CHECKING:
    from omegaconf import DictConfig

Composes = Callable[[Sequence[str]], "tuple[DictConfig, dict[str, Any]]"]
_RULES = "1.3"  # the version of Hydra whose defaults hold


def with_hydra(overrides: Sequence[str], folders: Sequence[Path]) -> tuple[DictConfig, dict[str, Any]]:
    """Compose a config from the options in these folders, and return it with the option chosen in each group."""
    return reader(folders)(overrides)


def reader(folders: Sequence[Path]) -> Composes:
    """Return ``with_hydra`` for many lists of overrides; each file is read once, and later changes are not seen.

    It takes the steps of ``hydra.compose`` except those that build Hydra's own node, which take two thirds of the time
    and would need Hydra's global state.
    """
    from hydra._internal.config_loader_impl import ConfigLoaderImpl
    from hydra._internal.config_repository import CachingConfigRepository
    from hydra._internal.defaults_list import create_defaults_list
    from omegaconf import OmegaConf

    loaded: dict[tuple[str, str | None], bytes] = {}

    class Loader(ConfigLoaderImpl):
        """Keeps each file's content under its package, pickled, because Hydra merges other content into it."""

        def _load_single_config(self, default: Any, repo: Any) -> Any:
            key = (default.config_path, default.package)
            if key not in loaded:
                loaded[key] = pickle.dumps(super()._load_single_config(default, repo))
            return pickle.loads(loaded[key])

    with _hydra_rules():
        loader = Loader(_search_path(folders))
        repository = CachingConfigRepository(loader.repository)

    def composes(overrides: Sequence[str]) -> tuple[DictConfig, dict[str, Any]]:
        with _hydra_rules():
            parsed = parse(overrides)
            refuse_several_values(parsed)
            listed = create_defaults_list(repository, "train", parsed, prepend_hydra=False, skip_missing=False)
            config = loader._compose_config_from_defaults_list(listed.defaults, repository)
            clear_replaced(config, parsed)
            OmegaConf.set_struct(config, True)
            apply_overrides(listed.config_overrides, config)
        return config, dict(listed.overrides.known_choices)

    return composes


def refuse_several_values(overrides: Sequence[Any]) -> None:
    """Raise Hydra's error if one of the parsed overrides has several values, which only a sweep takes."""
    from hydra._internal.config_loader_impl import ConfigLoaderImpl
    from hydra.types import RunMode

    ConfigLoaderImpl.validate_sweep_overrides_legal(list(overrides), RunMode.RUN, from_shell=True)


def apply_overrides(overrides: Sequence[Any], config: DictConfig) -> None:
    """Apply parsed overrides of values (not of groups) to a config, in place."""
    from hydra._internal.config_loader_impl import ConfigLoaderImpl

    ConfigLoaderImpl._apply_overrides_to_config(list(overrides), config)


def combinations(overrides: Sequence[Any]) -> list[list[str]]:
    """Return the arguments of each job of a sweep over these parsed overrides, in the order of Hydra's sweeper."""
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

    (jobs,) = BasicSweeper.split_arguments(list(overrides), None)
    return [list(job) for job in jobs]


def nodes(config: DictConfig) -> Mapping[Any, Any]:
    """Return the nodes of a config by key, interpolations not resolved; putting them elsewhere copies nothing."""
    return {key: config._get_node(key) for key in config}


def flags_parser() -> tuple[ArgumentParser, dict[str, Any]]:
    """Return Hydra's parser of flags, and its action for each flag by name."""
    from hydra._internal.utils import get_args_parser

    parser = get_args_parser()
    return parser, {flag: action for action in parser._actions for flag in action.option_strings}


def run_hydra(
    flags: Namespace, overrides: Sequence[str], folders: Sequence[Path], task: Callable[[DictConfig], Any]
) -> None:
    """Do what the flags ask of Hydra: print help or a config, complete, or run the task once or as a sweep.

    Unlike ``hydra.main``, this neither reads ``sys.argv`` nor catches errors.

    Args:
        flags: as ``flags_parser`` parses them.
        overrides: arguments in Hydra's grammar.
        folders: of options, the one with the primary config first.
        task: called with the config of each job.
    """
    from hydra._internal.hydra import Hydra
    from hydra.core.global_hydra import GlobalHydra

    with _hydra_rules():
        hydra: Any = Hydra.create_main_hydra2(task_name="lossbook", config_search_path=_search_path(folders))
        which: dict[str, Any] = {"config_name": flags.config_name or "train"}
        asked: dict[str, Any] = {**which, "overrides": list(overrides)}
        try:
            if flags.help or flags.hydra_help:
                show = hydra.app_help if flags.help else hydra.hydra_help
                parser, _ = flags_parser()
                with redirect_stdout(StringIO()) as shown:
                    show(**which, args_parser=parser, args=Namespace(**{**vars(flags), "overrides": list(overrides)}))
                print(as_typed(shown.getvalue()), end="")
            elif flags.shell_completion:
                hydra.shell_completion(**asked)
            elif flags.info:
                hydra.show_info(flags.info, **asked)
            elif flags.cfg:
                hydra.show_cfg(**asked, cfg_type=flags.cfg, package=flags.package, resolve=flags.resolve)
            else:
                parsed = {"parsed_overrides": parse(overrides)} if _is_new() else {}
                mode = "MULTIRUN" if flags.multirun else getattr(hydra.get_mode(**asked, **parsed), "name", "RUN")
                asked["overrides"].append(f"hydra.mode={mode}")
                (hydra.run if mode == "RUN" else hydra.multirun)(**asked, task_function=task)
        finally:
            GlobalHydra.instance().clear()


def register(name: str, resolver: Callable[..., Any], use_cache: bool = False) -> None:
    """Register a resolver with OmegaConf, in place of any of the same name."""
    from omegaconf import OmegaConf

    its: Any = OmegaConf  # 2.4 has under the old name what 2.3 calls register_new_resolver
    register = its.register_resolver if _is_new() else its.register_new_resolver
    register(name, resolver, use_cache=use_cache, replace=True)


def _search_path(folders: Sequence[Path]) -> Any:
    from hydra._internal.utils import create_config_search_path
    from hydra.core.config_search_path import SearchPathQuery

    search_path = create_config_search_path(str(folders[0]))
    for folder in folders[1:]:
        search_path.prepend("command-line", f"file://{folder}", anchor=SearchPathQuery(provider="schema"))
    return search_path


def _is_new() -> bool:
    """Whether this is Hydra 1.4 with OmegaConf 2.4, and not 1.3 with 2.3."""
    from hydra import __version__

    return not __version__.startswith("1.3.")


@contextmanager
def _hydra_rules() -> Iterator[None]:
    """Set the global version of Hydra's rules within the block, and restore it afterwards."""
    from hydra import version

    holder = version.VersionBase.instance()
    before = holder.version_base
    holder.version_base = version._get_version(_RULES)  # setbase would warn on 1.4
    try:
        yield
    finally:
        holder.version_base = before
