"""The texts of Hydra's and OmegaConf's errors, and the user's mistake behind each.

Hydra raises one class for many mistakes, so that only the text tells them apart.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from lossbook.config.arguments import belongs_to_hydra, parse
from lossbook.config.keys import dotted_keys, nearest_key, unknown
from lossbook.config.missing_option import misnamed, missing_option
from lossbook.config.options import GROUPS, RECIPES, Options, may_list
from lossbook.config.types import wrong_type
from lossbook.errors import UserError, nearest, refuse


def file_in_error(error: Exception) -> str | None:
    """Return the option's file in whose defaults an error of Hydra's occurred; None if it is the command line."""
    found = re.match(r"In '(?!train')([^']+)'", str(error))
    return found[1] if found else None


def missing_interpolation(error: Exception) -> tuple[str, str | None]:
    """Return the first line of OmegaConf's error about an interpolation, and the key that was not found."""
    line = str(error).partition("\n")[0]
    found = re.match(r"Interpolation key '([^']*)'", line)
    return line, found[1] if found else None


def from_message(error: Exception, arguments: Sequence[str], options: Options) -> UserError | None:
    """Return the user's mistake behind an error that only its text tells from others, None if it need not be one."""
    message = str(error) or str(error.__cause__ or "")
    for pattern, worded in _PATTERNS:
        found = re.search(pattern, message, re.DOTALL)
        if found:
            return worded(found, error, arguments, options)
    if isinstance(error, ValueError) and not type(error).__module__.startswith(("hydra", "omegaconf")):
        return None  # not known to be the user's
    lines = [line.strip() for line in f"{message}\n{error.__cause__ or ''}".splitlines() if line.strip()]
    return refuse(" ".join(arguments) or "the config", " ".join(lines[:2]), "HYDRA_FULL_ERROR=1 shows where")


_SYNONYMS = {"trainer.fast_dev_run": "trainer=one_batch"}
_LEFT_OUT = (
    "loss.activation", "loss.inputs", "loss.mean_over", "data.mixup", "data.cutmix", "data.sampling",
)  # fmt: skip
"""What every loss, or data, takes; they have defaults."""
_Worded = Callable[["re.Match[str]", Exception, Sequence[str], Options], "UserError | None"]


def _sweep(found: re.Match[str], error: Exception, arguments: Sequence[str], options: Options) -> UserError:
    given = found[1]
    key, _, value = given.partition("=")
    rule = "Several values need a sweep (-m)."
    listed = f", or '{key}=[{value}]' for a list" if "(" not in value and may_list(key) else ""
    return refuse(given, rule, f"-m '{given}' for a sweep{listed}")


def _not_a_name(found: re.Match[str], error: Exception, arguments: Sequence[str], options: Options) -> UserError | None:
    for override in parse(arguments):
        value = override.value()
        named = (
            all(isinstance(one, str) for one in value) if isinstance(value, list) else isinstance(value, (str, dict))
        )
        if options.has_group(override.key_or_group) and not named:
            group = override.key_or_group
            there = options.names(group)
            fix = f"{group}={there[0]}" if there else ""
            return refuse(override.input_line, f"{group} takes the name of an option: {', '.join(there)}.", fix)
    return None


def _key(found: re.Match[str], error: Exception, arguments: Sequence[str], options: Options) -> UserError:
    """A key that does not exist; OmegaConf gives its full name if it is in a mapping on the command line."""
    given = next((one for one in arguments if one.lstrip("+~").startswith((f"{found[1]}=", f"{found[1]}@"))), found[1])
    inner = getattr(error.__cause__, "full_key", None)
    key = inner if inner and inner.startswith(f"{found[1]}.") else found[1]
    ours = [*dotted_keys(values_of_groups(arguments, options)), *RECIPES]
    known = _hydra_keys(arguments) if belongs_to_hydra(key) else ours
    problem = unknown(key, given.partition("=")[2] if key == found[1] else "...", known)
    near = nearest_key(key.partition("@")[0], known)
    elsewhere = [name for within in ("", *GROUPS) for name in options.that_state(f"{within}.{key}".lstrip("."))]
    if near in GROUPS or key.partition("@")[0] in GROUPS:
        near = near if near in GROUPS else key.partition("@")[0]
        there = options.names(near)
        fix = f"{near}={nearest(given.partition('=')[2], there) or next(iter(there), 'NAME')}"
    elif key in _SYNONYMS:
        fix = _SYNONYMS[key]
    elif key in _LEFT_OUT or any(one.startswith(f"{key.partition('.')[0]}._target_=") for one in arguments):
        fix = f"+{given}"  # left out by a user's short YAML, or an argument of a class of the user's own
    elif elsewhere and (near is None or near.rpartition(".")[2] != key.rpartition(".")[2]):
        fix = f"choose one that has it: {', '.join(elsewhere)}"
    else:
        fix = problem.fix
    return refuse(given, problem.rule, fix)


def _hydra_keys(arguments: Sequence[str]) -> list[str]:
    """Return Hydra's own keys, including those of the chosen launcher."""
    from hydra.conf import HydraConf
    from hydra.core.config_store import ConfigStore
    from omegaconf import OmegaConf

    known = [f"hydra.{key}" for key in dotted_keys(OmegaConf.to_container(OmegaConf.structured(HydraConf)))]
    name = next((one.partition("=")[2] for one in arguments if one.startswith("hydra/launcher=")), "basic")
    try:
        launcher = ConfigStore.instance().load(f"hydra/launcher/{name}.yaml").node
    except Exception:  # a user's own file
        return known
    return [*known, *dotted_keys(OmegaConf.to_container(launcher), "hydra.launcher.")]


def values_of_groups(arguments: Sequence[str], options: Options) -> dict[Any, Any]:
    """Compose the groups that the arguments choose, without the values on the command line."""
    from omegaconf import OmegaConf

    from lossbook.config.hydra_internals import with_hydra

    chosen = [
        override.input_line
        for override in parse(arguments)
        if not override.is_sweep_override() and override.value() in options.names(override.key_or_group)
    ]
    for overrides in (chosen, []):
        try:
            values: Any = OmegaConf.to_container(with_hydra(overrides, options.folders)[0], resolve=False)
        except Exception:  # another mistake, reported next
            continue
        return {key: value for key, value in values.items() if key != "hydra"}
    return {}


def _merge(found: re.Match[str], error: Exception, arguments: Sequence[str], options: Options) -> UserError:
    """A list in place of a mapping, or the reverse."""
    override = parse([found[1]])[0]
    node: Any = values_of_groups(arguments, options)
    for part in override.key_or_group.split("."):
        node = node.get(part) if isinstance(node, dict) else None
    if node is None:
        cause = str(error.__cause__ or "").partition("\n")[0]
        return refuse(found[1], cause or "The value has the wrong type.", "--cfg hydra shows the default")
    problem = wrong_type(override.key_or_group, override.value(), node)
    return refuse(found[1], problem.rule, problem.fix)


def _added(found: re.Match[str], error: Exception, arguments: Sequence[str], options: Options) -> UserError:
    given = next((one for one in arguments if one.startswith(f"+{found[1]}=")), f"+{found[1]}")
    return refuse(given, f"{found[1]} exists already; + is for new keys.", given[1:])


def _deleted(found: re.Match[str], error: Exception, arguments: Sequence[str], options: Options) -> UserError:
    near = nearest_key(found[1], dotted_keys(values_of_groups(arguments, options)))
    return refuse(f"~{found[1]}", f"There is no key {found[1]} to remove.", f"~{near}" if near else "leave it out")


def _deletion(found: re.Match[str], error: Exception, arguments: Sequence[str], options: Options) -> UserError | None:
    """A group that is removed by something other than the name of its option."""
    for override in parse(arguments):
        if override.is_delete() and not isinstance(override.value(), (str, type(None))):
            rule = (
                f"Every run needs the group {override.key_or_group}: {', '.join(options.names(override.key_or_group))}."
            )
            return refuse(
                override.input_line, rule, f"{override.key_or_group}={options.default(override.key_or_group)}"
            )
    return None


def _no_group(found: re.Match[str], error: Exception, arguments: Sequence[str], options: Options) -> UserError:
    near = nearest(found[2], GROUPS)
    fix = f"{near}={found[1].partition('=')[2]}" if near else f"one of {', '.join(GROUPS)}"
    return refuse(found[1], f"There is no group {found[2]}.", fix)


def _unlisted(found: re.Match[str], error: Exception, arguments: Sequence[str], options: Options) -> UserError:
    return refuse(found[1], "This group is not in the defaults of conf/train.yaml.", f"+{found[2]}, to add it")


def _interpolation(found: re.Match[str], error: Exception, arguments: Sequence[str], options: Options) -> UserError:
    key = getattr(error, "full_key", None) or "the config"
    rule = f"${{{found[1]}}} refers to a key that does not exist." if found[1] else ""
    return refuse(str(key), rule, "give the key in full, from the root: ${data.seed}")


def _twice(found: re.Match[str], error: Exception, arguments: Sequence[str], options: Options) -> UserError:
    group = found[1].partition("@")[0]
    given = next((one for one in arguments if one.startswith(f"+{group}=")), None)
    if given:
        return refuse(given, f"{group} is chosen already; + is for new groups.", given[1:])
    fix = f"- override /{group}@_global_.{group}: {found[2]}"
    return refuse(f"{group}: {found[2]}", f"The group {group} is chosen already; an option may only override it.", fix)


def _yml(found: re.Match[str], error: Exception, arguments: Sequence[str], options: Options) -> UserError:
    """In Hydra 1.4, a .yml file makes listing its group fail, which a misspelt option does."""
    from hydra.errors import MissingConfigException

    for one in parse(arguments):
        group, name = one.key_or_group, one.value()
        if isinstance(name, str) and options.has_group(group) and name not in options.names(group):
            return missing_option(MissingConfigException("", f"{group}/{name}"), None, arguments, options)
    file = next(path for group in GROUPS for folder in options.folders for path in (folder / group).rglob("*.yml"))
    return misnamed(str(file), file.stem)


_PATTERNS: list[tuple[str, _Worded]] = [
    (r"Unsupported config file extension '\.yml'", _yml),
    (r"Ambiguous value for argument '([^\n]*)'\n", _sweep),
    (r"Sweep parameters '([^\n]*)' requires --multirun", _sweep),
    (r"Config group override must be a string or a list", _not_a_name),
    (r"ListConfig does not support attribute access", _not_a_name),  # Hydra 1.4, of a list in a list
    (r"Config group override deletion value must be a string", _deletion),
    (r"Could not override '([^'\n]*)'\. No match in the defaults list\.\nTo append.*\+(\S*)", _unlisted),
    (r"Could not override '([^'\n]*)'", _key),
    (r"Error merging override ([^\n]*)", _merge),
    (r"An item is already at '([^']*)'", _added),
    (r"Could not delete from config\. '([^']*)'", _deleted),
    (r"Override (\S+) looks like a config group override, but config group '([^']*)'", _no_group),
    (r"Interpolation key '([^']*)' not found", _interpolation),
    (r"Multiple values for ([^.\n]*)\. To override a value use 'override [^:]*: ([^']*)'", _twice),
]
