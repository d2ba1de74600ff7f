"""Errors of Hydra, OmegaConf and YAML as mistakes of the user's: what was given, the rule, the fix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lossbook.config.arguments import parse
from lossbook.config.hydra_messages import file_in_error, from_message, values_of_groups
from lossbook.config.missing_option import missing_option
from lossbook.config.options import Options
from lossbook.config.syntax_errors import syntax_error
from lossbook.errors import UserError, refuse, typed


@contextmanager
def in_words(arguments: Sequence[str], folders: Sequence[Path]) -> Iterator[None]:
    """Raise each error within the block that is a mistake of the user's as a ``UserError``, others as they are.

    Args:
        arguments: the overrides of the command line.
        folders: of options, our ``conf`` first.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        mistake = user_error(error, arguments, folders)
        if mistake is None:
            raise
        raise mistake from error


def user_error(error: Exception, arguments: Sequence[str], folders: Sequence[Path]) -> UserError | None:
    """Return the user's mistake behind an error that was raised while a config was composed or resolved.

    Args:
        error: of Hydra or OmegaConf; None is returned for one that no mistake of the user's explains.
        arguments: the overrides of the command line.
        folders: of options, our ``conf`` first.
    """
    import yaml
    from hydra.errors import HydraException, MissingConfigException, OverrideParseException
    from omegaconf.errors import OmegaConfBaseException

    options = Options(folders)
    reason: BaseException | None = error
    while reason is not None:  # OmegaConf wraps what a resolver raises
        if isinstance(reason, UserError):
            return reason
        reason = reason.__cause__ or reason.__context__
    if isinstance(error, OverrideParseException):
        return syntax_error(error.override, arguments, options)
    if isinstance(error, MissingConfigException):
        return missing_option(error, file_in_error(error), arguments, options)
    if isinstance(error, yaml.MarkedYAMLError):
        return _yaml(error)
    if isinstance(error, OSError) and error.filename:
        given = next((one for one in arguments if one.startswith(("hydra.run.dir=", "hydra.sweep.dir="))), "")
        rule = f"{error.filename} cannot be made or read: {error.strerror}."
        return refuse(given or str(error.filename), rule, "give a folder where you may write" if given else "")
    if isinstance(error, (TypeError, ValueError)) and (mistake := _misplaced(arguments, options)):
        return mistake
    if isinstance(error, (HydraException, OmegaConfBaseException, ValueError)):
        return from_message(error, arguments, options)
    return None


def _misplaced(arguments: Sequence[str], options: Options) -> UserError | None:
    """Find a list of lists for a group, or a key below a list: Hydra fails on both without saying why."""
    for override in parse(arguments):
        key, value = override.key_or_group, override.value()
        if options.has_group(key):
            if isinstance(value, list) and not all(isinstance(one, str) for one in value):
                there = options.names(key)
                rule = f"{key} takes the name of an option: {', '.join(there)}."
                return refuse(override.input_line, rule, f"{key}={there[0]}")
            continue
        node: Any = values_of_groups(arguments, options)
        parent, _, name = key.rpartition(".")
        for part in parent.split("."):
            node = node.get(part) if isinstance(node, dict) else None
        if isinstance(node, list):
            rule = f"{parent} is a list, which is given as a whole, and has no key {name}."
            return refuse(override.input_line, rule, f"{parent}={typed(node)}")
    return None


def _yaml(error: Any) -> UserError:
    mark = error.problem_mark or error.context_mark
    place = f"{mark.name}, line {mark.line + 1}" if mark else "a YAML file"
    rule = f"This is not YAML: {error.problem or error.context}."
    return refuse(place, rule, "check indentation, colons and brackets")
