"""Expanding the arguments of a sweep into those of its jobs: every combination of values, in Hydra's grammar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lossbook.config.hydra_internals import combinations
from lossbook.config.options import Options
from lossbook.config.sweep_keys import brings_a_sweep
from lossbook.errors import refuse

if TYPE_CHECKING:
    from hydra.core.config_loader import ConfigLoader


def expand_jobs(
    arguments: Sequence[str], recipe: Mapping[str, Any], options: Options, loader: ConfigLoader
) -> list[list[str]]:
    """Return the arguments of each job, the same keys in the same order.

    Args:
        arguments: of the command, without Hydra's own.
        recipe: key -> values to sweep unless the arguments set the key.
        options: all that exist.
        loader: Hydra's, which resolves ``glob(*)``.

    Raises:
        UserError: a key has infinitely many values, or none; a key is spelled in two ways; several experiments bring a
            sweep of their own.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser

    parser = OverridesParser.create(config_loader=loader)
    typed = parser.parse_overrides(list(arguments))
    spelled = {_key(one): one.get_key_element() for one in typed}
    for one in typed:
        if one.get_key_element() != spelled[_key(one)]:
            raise refuse(str(one.input_line), f"{_key(one)} is given in two ways.", "remove one of them")
    rest = [f"{key}={values}" for key, values in recipe.items() if key not in spelled]
    overrides = [*parser.parse_overrides(rest), *typed]
    for one in overrides:
        if not one.is_sweep_override():
            continue
        if not one.is_discrete_sweep():
            rule = "A sweep runs every combination, and an interval has infinitely many values."
            raise refuse(str(one.input_line), rule, "use scripts/search.py, or list the values: 1,2,3")
        if not (values := combinations([one])):
            raise refuse(str(one.input_line), "No option or value matches.", f"'{_key(one)}=glob(*)' has all options")
        for (value,) in values if _key(one) == "experiment" else ():
            if brings_a_sweep([value], options):
                rule = "An experiment that is itself a sweep must run alone: its own values would be ignored."
                raise refuse(value, rule, "one experiment at a time")
    return combinations(overrides)


def _key(override: Any) -> str:
    return str(override.get_key_element()).lstrip("+")
