"""What Hydra composed, finished: choices and overrides are noted, and what it does not check is checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossbook.config.arguments import belongs_to_hydra, parse
from lossbook.config.hydras import Composes, with_hydra
from lossbook.config.options import GROUPS, Options, may_list
from lossbook.config.structure import idle
from lossbook.config.terms import with_whole_terms
from lossbook.config.types import problems, unknown
from lossbook.errors import Problem, UserError, refuse
from lossbook.renamed import use_current_names

if TYPE_CHECKING:
    from omegaconf import DictConfig

KEYS = (*GROUPS, "metrics", "seed", "ckpt", "ckpt_lr", "choices", "overrides")


def composed(overrides: Sequence[str], folders: Sequence[Path], composes: Composes | None = None) -> DictConfig:
    """The finished config of these overrides.

    Args:
        overrides: arguments of the command line.
        folders: our ``conf`` and those that are searched after it.
        composes: their ``reader``, which then is not made afresh.
    """
    from lossbook.config.wording import word

    about_hydra = next(filter(belongs_to_hydra, overrides), None)
    if about_hydra is not None:
        raise refuse(about_hydra, "Hydra runs the scripts, and has no part in composing for Python.", "leave it out")
    try:
        config, choices = composes(overrides) if composes else with_hydra(overrides, folders)
    except Exception as error:
        worded = word(error, overrides, folders)
        if worded is None:
            raise
        raise worded from error
    return finish(config, choices, overrides, folders)


def finish(
    config: DictConfig | Mapping[Any, Any],
    choices: Mapping[str, Any],
    overrides: Sequence[str],
    folders: Sequence[Path],
) -> DictConfig:
    """Adds ``choices`` and ``overrides`` to what Hydra composed, and checks what Hydra does not.

    Hydra lets pass a value of any type, and in an experiment any key; both are held against the defaults that the
    options' own files state.

    Args:
        config: composed by Hydra; it is used up, but where it is given as plain containers.
        choices: the option of each group, as Hydra notes them.
        overrides: the arguments that were given.
        folders: our ``conf`` and those that are searched after it.
    """
    from omegaconf import DictConfig, OmegaConf

    whole: Any = OmegaConf.to_container(config, resolve=False) if isinstance(config, DictConfig) else config
    values = {key: value for key, value in whole.items() if key != "hydra"}
    use_current_names(config, values)
    if config is not whole:
        use_current_names(whole, values)
    nodes = {key: config._get_node(key) for key in values} if isinstance(config, DictConfig) else values
    options = Options(folders)
    chosen = {group: choices.get(group) for group in GROUPS if group in values or group == "experiment"}
    lists = {one.key_or_group: one.value() for one in parse(overrides) if isinstance(one.value(), list)}
    for group in chosen.keys() - choices.keys():  # chosen by a list, which Hydra does not note
        chosen[group] = lists.get(group, list(values.get(group) or []))
    found = list(_experiment(chosen, values, options)) or list(_groups(overrides, values, options))
    found = found or list(wrong_values(overrides, chosen, values, options)) or list(idle(values))
    if found:
        raise UserError(*dict.fromkeys(found))
    if "terms" in values.get("loss", ()):
        nodes = {**nodes, "loss": with_whole_terms(values["loss"], options)}
    return in_order(nodes | {"experiment": chosen["experiment"], "choices": chosen, "overrides": list(overrides)})


def in_order(values: Mapping[Any, Any]) -> DictConfig:
    """A config of these values, whose keys stand in the usual order and cannot be misspelt."""
    from omegaconf import OmegaConf, flag_override

    # an interpolation on the command line is resolved where its value stands, and is a text here
    values = {**values, "overrides": [override.replace("${", r"\${") for override in values.get("overrides") or []]}
    order = [*(key for key in KEYS if key in values), *(key for key in values if key not in KEYS)]
    config = OmegaConf.create({})
    with flag_override(config, "no_deepcopy_set_nodes", True):  # nodes of Hydra's become this config's
        for key in order:
            config[key] = values[key]
    OmegaConf.set_struct(config, True)
    return config


def _groups(overrides: Sequence[str], values: Mapping[Any, Any], options: Options) -> Iterator[Problem]:
    """What is wrong at the top: groups that are left out or chosen twice, keys that nothing reads."""
    for override in parse(overrides):
        group = override.key_or_group
        if isinstance(override.value(), list) and options.has_group(group) and not may_list(group):
            rule = f"{group} takes one option: {', '.join(options.names(group))}."
            yield Problem(override.input_line, rule, f"{group}={override.value()[0]}" if override.value() else "")
    for group in GROUPS:
        if group not in values and group != "experiment":
            rule = f"Every run needs the group {group}: {', '.join(options.names(group))}."
            yield Problem(f"no {group}", rule, f"{group}={next(iter(options.names(group)), 'NAME')}")
    for key in values:
        if key not in KEYS:
            problem = unknown(str(key), values[key], [*GROUPS, "metrics", "seed", "ckpt", "ckpt_lr"])
            yield Problem(problem.given, f"{problem.rule[:-1]}, so it would have no effect.", problem.fix)


def _experiment(choices: Mapping[str, Any], values: Mapping[Any, Any], options: Options) -> Iterator[Problem]:
    """What is wrong with the experiment's file: its head line, its keys, its types."""
    name = choices.get("experiment")
    if name is None:
        return
    if options.package(f"experiment/{name}") != "_global_":
        rule = "An experiment's values belong to the whole config, which its file must say."
        yield Problem(f"experiment={name}", rule, f"put the line `# @package _global_` on top of {name}.yaml")
        return
    stated, _ = options.stated(f"experiment/{name}")
    for problem in _against(stated, options.declared(choices), values, options):
        yield Problem(f"{problem.given} in experiment/{name}.yaml", problem.rule, problem.fix)


def wrong_values(
    overrides: Sequence[str], choices: Mapping[str, Any], values: Mapping[Any, Any], options: Options
) -> Iterator[Problem]:
    """What is wrong with the values on the command line: types alone, for Hydra refuses keys that do not exist.

    What is added (``+key``) may have a new name; the type of what stands there already holds for it, too.
    """
    given: list[dict[str, Any]] = []
    for override in parse(overrides):
        key, value = override.key_or_group, override.value()
        if key.partition(".")[0] in ("choices", "overrides"):
            rule = "It is written down of what the command line chooses, and not read."
            yield Problem(override.input_line, rule, "leave it out")
            continue
        if key.startswith("experiment."):
            rule = "An experiment is an option by its name, and has no keys of its own."
            yield Problem(override.input_line, rule, "experiment=NAME, or the key itself, such as optim.lr=0.1")
            continue
        if override.is_delete():
            continue
        if override.is_add() or override.is_force_add():
            if not options.has_group(key):
                yield from _replaced(key, value, options.declared(choices), values)
            continue
        if options.has_group(key) and not isinstance(value, dict):
            continue
        nested: Any = value
        for part in reversed(key.split(".")):
            nested = {part: nested}
        given.append(nested)
    declared = options.declared(choices) if given else {}
    for nested in given:
        yield from _against(nested, declared, values, options)


def _replaced(key: str, value: Any, declared: Any, values: Mapping[Any, Any]) -> Iterator[Problem]:
    """What is wrong with a value that is put where another stands, or below one that is no mapping."""
    parts = key.split(".")
    for place, part in enumerate(parts):
        if not isinstance(declared, Mapping):
            parts, below = parts[:place], parts[place:]
            for name in reversed(below):
                value = {name: value}
            break
        if part not in declared:
            return
        declared = declared[part]
    if not (isinstance(value, Mapping) and isinstance(declared, Mapping)):
        yield from problems(".".join(parts), value, _followed(declared, value, values))


def _against(
    given: Mapping[str, Any], declared: Mapping[str, Any], values: Mapping[Any, Any], options: Options
) -> Iterator[Problem]:
    for key, value in given.items():
        if key in declared:
            yield from problems(key, value, _followed(declared[key], value, values))
        elif key not in KEYS and key != "hydra" and not options.has_group(key):
            yield unknown(key, value, [str(name) for name in values if name != key])


def _followed(default: Any, given: Any, values: Mapping[Any, Any]) -> Any:
    """The default beside a given value, where it refers to another value (``${data.epochs}``) as what that is."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    if isinstance(default, Mapping) and isinstance(given, Mapping):
        return {key: _followed(value, given.get(key), values) for key, value in default.items()}
    if given is None or not (isinstance(default, str) and default.startswith("${")):
        return default
    try:
        return OmegaConf.create({**values, "default": default}).default
    except OmegaConfBaseException:
        return default
