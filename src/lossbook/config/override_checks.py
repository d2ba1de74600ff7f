"""What Hydra does not check of a command line: types of values, keys of an experiment, groups that are missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lossbook.config.arguments import parse
from lossbook.config.keys import unknown
from lossbook.config.options import GROUPS, KEYS, RECIPES, Options, may_list
from lossbook.config.types import problems
from lossbook.errors import Problem

_EXAMPLE = "'data.augment=[{_target_: lossbook.data.augment.RandAugment, magnitude: 15}]'"


def group_problems(overrides: Sequence[str], values: Mapping[Any, Any], options: Options) -> Iterator[Problem]:
    """Check the top level: groups that are missing or chosen twice, keys that nothing reads."""
    for override in parse(overrides):
        group = override.key_or_group
        if isinstance(override.value(), list) and options.has_group(group) and not may_list(group):
            rule = f"{group} takes one option: {', '.join(options.names(group))}."
            yield Problem(override.input_line, rule, f"{group}={override.value()[0]}" if override.value() else "")
    for group in GROUPS:
        if group not in values and group not in RECIPES:
            rule = f"Every run needs the group {group}: {', '.join(options.names(group))}."
            yield Problem(f"no {group}", rule, f"{group}={next(iter(options.names(group)), 'NAME')}")
    for key in values:
        if key not in KEYS:
            problem = unknown(str(key), values[key], [*GROUPS, "metrics", "seed", "ckpt", "ckpt_lr"])
            yield Problem(problem.given, f"{problem.rule[:-1]}, so it would have no effect.", problem.fix)


def twice_problems(overrides: Sequence[str]) -> Iterator[Problem]:
    """Check that augmentation is not named and listed at once: one of the two would have no effect."""
    keys = {override.key_or_group: override.input_line for override in parse(overrides)}
    if "augment" in keys and "data.augment" in keys:
        rule = "The option of augment sets data.augment, which this would replace."
        yield Problem(f"{keys['augment']} {keys['data.augment']}", rule, "one of the two")


def experiment_problems(choices: Mapping[str, Any], values: Mapping[Any, Any], options: Options) -> Iterator[Problem]:
    """Check the files of an experiment and of augment: their package lines, the experiment's keys and their types."""
    for group in RECIPES:
        name = choices.get(group)
        if isinstance(name, str) and options.package(f"{group}/{name}") != "_global_":
            what = "An experiment changes the whole config" if group == "experiment" else "It sets data.augment"
            fix = f"add the line `# @package _global_` at the top of {name}.yaml"
            yield Problem(f"{group}={name}", f"{what}, and its file must say so.", fix)
            return
    name = choices.get("experiment")
    if name is None:
        return
    stated, _ = options.stated(f"experiment/{name}")
    for problem in _against(stated, options.declared(choices), values, options):
        yield Problem(f"{problem.given} in experiment/{name}.yaml", problem.rule, problem.fix)


def value_problems(
    overrides: Sequence[str], choices: Mapping[str, Any], values: Mapping[Any, Any], options: Options
) -> Iterator[Problem]:
    """Check the types of values on the command line; Hydra itself refuses keys that do not exist.

    A key that is added (``+key``) may be new; if it exists, its value must have the type of the default, too.
    """
    given: list[dict[str, Any]] = []
    for override in parse(overrides):
        key, value = override.key_or_group, override.value()
        if key.partition(".")[0] in ("choices", "overrides"):
            rule = "This records what the command line chose, and is not read."
            yield Problem(override.input_line, rule, "leave it out")
            continue
        group, _, inner = key.partition(".")
        if group in RECIPES and inner:
            rule = f"{group}=NAME is an option, and has no keys of its own."
            other = "the key itself, such as optim.lr=0.1" if group == "experiment" else _EXAMPLE
            yield Problem(override.input_line, rule, f"{group}=NAME, or {other}")
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
    """Check a value that replaces another one, or that is put below one that is not a mapping."""
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
    """Return the default of a given value; if it refers to another value (``${data.epochs}``), that value."""
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
