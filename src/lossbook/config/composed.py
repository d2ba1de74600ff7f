"""From arguments without a checkpoint to a config: the options composed by Hydra, and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossbook.config.arguments import belongs_to_hydra, parse, uninterpolated
from lossbook.config.hydra_errors import in_words
from lossbook.config.hydra_internals import Composes, nodes, with_hydra
from lossbook.config.options import GROUPS, KEYS, Options
from lossbook.config.override_checks import experiment_problems, group_problems, value_problems
from lossbook.config.structure import idle
from lossbook.config.terms import with_whole_terms
from lossbook.errors import UserError, refuse
from lossbook.renamed import use_current_names

if TYPE_CHECKING:
    from omegaconf import DictConfig


def composed(overrides: Sequence[str], folders: Sequence[Path], composes: Composes | None = None) -> DictConfig:
    """Compose the config of these overrides, with ``choices`` and ``overrides``, and check what Hydra does not.

    Hydra accepts a value of any type, and in an experiment any key. Both are compared with the defaults in the
    options' own files.

    Args:
        overrides: arguments of the command line, without settings of Hydra's.
        folders: of options, our ``conf`` first.
        composes: the ``reader`` of these folders, to read each file once for many configs.

    Raises:
        UserError: whatever is wrong with the overrides or the option files.
    """
    about_hydra = next(filter(belongs_to_hydra, overrides), None)
    if about_hydra is not None:
        raise refuse(about_hydra, "Hydra runs the scripts, and has no part in composing for Python.", "leave it out")
    with in_words(overrides, folders):
        config, choices = composes(overrides) if composes else with_hydra(overrides, folders)
    return _finished(config, choices, overrides, Options(folders))


def _finished(config: DictConfig, choices: Mapping[str, Any], overrides: Sequence[str], options: Options) -> DictConfig:
    from omegaconf import OmegaConf

    whole: Any = OmegaConf.to_container(config, resolve=False)
    values = {key: value for key, value in whole.items() if key != "hydra"}
    for renamed in (config, whole):
        use_current_names(renamed, values)
    chosen = {group: choices.get(group) for group in GROUPS if group in values or group == "experiment"}
    lists = {one.key_or_group: one.value() for one in parse(overrides) if isinstance(one.value(), list)}
    for group in chosen.keys() - choices.keys():  # chosen by a list, which Hydra does not note
        chosen[group] = lists.get(group, list(values.get(group) or []))
    found = list(experiment_problems(chosen, values, options)) or list(group_problems(overrides, values, options))
    found = found or list(value_problems(overrides, chosen, values, options)) or list(idle(values))
    if found:
        raise UserError(*dict.fromkeys(found))
    kept: dict[str, Any] = {key: node for key, node in nodes(config).items() if key in values}
    if "terms" in values.get("loss", ()):
        kept["loss"] = with_whole_terms(values["loss"], options)
    return in_order(kept | {"experiment": chosen["experiment"], "choices": chosen, "overrides": list(overrides)})


def in_order(values: Mapping[Any, Any]) -> DictConfig:
    """Return a config of these values, with the keys in the usual order and closed to others."""
    from omegaconf import OmegaConf, flag_override

    # an interpolation on the command line is resolved where its value is used, and is text here
    values = {**values, "overrides": list(map(uninterpolated, values.get("overrides") or []))}
    order = [*(key for key in KEYS if key in values), *(key for key in values if key not in KEYS)]
    config = OmegaConf.create({})
    with flag_override(config, "no_deepcopy_set_nodes", True):  # the nodes are moved, not copied
        for key in order:
            config[key] = values[key]
    OmegaConf.set_struct(config, True)
    return config
