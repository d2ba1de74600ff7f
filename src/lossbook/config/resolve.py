"""Resolve a config to plain containers: all other packages take these, and none of OmegaConf's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lossbook.config.hydra_messages import missing_interpolation
from lossbook.config.keys import dotted_keys, nearest_key
from lossbook.errors import Problem, UserError

if TYPE_CHECKING:
    from omegaconf import DictConfig


def plain(config: DictConfig) -> dict[str, Any]:
    """Return the config as dicts, lists, numbers and strings, with interpolations resolved.

    Raises:
        UserError: values without a default (``???``) that were not given; interpolations that cannot be resolved.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        values = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException:
        unresolved = OmegaConf.to_container(config, resolve=False)
        found = [_missing(key, unresolved) for key, value in _leaves(unresolved) if value == "???"]
        found = found or list(_unresolved(config, unresolved))
        if not found:
            raise
        raise UserError(*found) from None
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}


def _leaves(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values in nested containers, with their dotted keys."""
    if not isinstance(node, (dict, list)):
        yield prefix, node
        return
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        yield from _leaves(value, f"{prefix}.{key}" if prefix else str(key))


def _missing(key: str, values: Any) -> Problem:
    group = key.partition(".")[0]
    chosen = (values.get("choices") or {}).get(group)
    given = f"{group}={chosen}" if isinstance(chosen, str) else key
    return Problem(given, f"{key} has no default.", f"{key}=VALUE")


def _unresolved(config: DictConfig, values: Any) -> Iterator[Problem]:
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    for key, value in _leaves(values):
        if key.startswith("overrides.") or not (isinstance(value, str) and "${" in value):
            continue
        try:
            OmegaConf.select(config, key, throw_on_missing=True)
        except OmegaConfBaseException as error:
            rule, missing = missing_interpolation(error)
            near = nearest_key(missing, dotted_keys(values)) if missing else None
            fix = f"${{{near}}}" if near else "give the key in full, from the root, such as ${data.seed}"
            yield Problem(f"{key}={value}", rule.rstrip(".") + ".", fix)
