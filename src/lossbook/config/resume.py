"""``ckpt=PATH``: the config in a checkpoint, with the overrides of the command line applied."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from lossbook.checkpoints.file import another, require_file, require_whole
from lossbook.config.arguments import parse
from lossbook.config.composed import composed, in_order
from lossbook.config.hydra_errors import in_words
from lossbook.config.hydra_internals import apply_overrides, refuse_several_values
from lossbook.config.options import GROUPS, RECIPES, Options, conf_folder, may_list
from lossbook.config.override_checks import twice_problems, value_problems
from lossbook.config.resolve import plain
from lossbook.config.structure import idle
from lossbook.config.terms import clear_replaced, with_whole_terms
from lossbook.config.types import fits
from lossbook.errors import Problem, UserError, refuse, typed
from lossbook.trust import Trust

if TYPE_CHECKING:
    from omegaconf import DictConfig

_LATER: dict[str, Any] = {"task": {"_target_": "lossbook.tasks.supervised.Supervised"}, "metrics": {}}
"""Keys that earlier versions did not have, with what they did."""
_NEEDED = (*(group for group in GROUPS if group not in (*RECIPES, *_LATER)), "seed")


def resume(ckpt: str, overrides: Sequence[str], folders: Sequence[Path]) -> DictConfig:
    """Read the config of a checkpoint and apply overrides; torch is imported only if the file exists and is whole.

    Raises:
        UserError: there is no such file, it is damaged, or its config cannot be used.
    """
    path = Path(ckpt)
    require_file(path)
    require_whole(path)
    from lossbook.checkpoints.read import read

    saved = read(path)["lossbook"]["config"]
    with whose_config(ckpt):
        _require_config(path, saved)
        config = restore(saved, overrides, folders)
        config.ckpt = ckpt
        values = plain(config)
        Trust.of(values).check_names(values)  # reports all of them
    return config


@contextmanager
def whose_config(ckpt: str | None) -> Iterator[None]:
    """Raise errors within the block that the config of this checkpoint causes as a ``UserError``.

    If ``ckpt`` is None the config is the user's own, and errors keep their traceback.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if ckpt is None:
            raise
        said = str(error).strip().partition("\n")[0]
        rule = f"Its config cannot be run: {type(error).__name__}: {shorten(said, 160, placeholder=' ...')}"
        raise refuse(f"ckpt={ckpt}", rule, another(Path(ckpt))) from error


def _require_config(path: Path, saved: Mapping[str, Any]) -> None:
    """Refuse a config that lacks what every run has, or whose values have other types than their defaults.

    Otherwise the options of today do not matter.
    """
    odd = [f"lossbook.config.{key} is missing." for key in _NEEDED if key not in saved]
    odd += [
        f"lossbook.config.{key} must be a mapping."
        for key in GROUPS
        if key not in RECIPES and not isinstance(saved.get(key, {}), Mapping | None)
    ]
    odd += [f"lossbook.config.{key} must be a name." for key in RECIPES if not isinstance(saved.get(key), str | None)]
    loss = saved.get("loss")
    criterion = () if isinstance(loss, Mapping) and loss.get("terms") else ("loss.criterion",)
    for key in (*criterion, "optim", "data.source", "model"):
        node: Any = saved
        for name in key.split("."):
            node = node.get(name) if isinstance(node, Mapping) else None
        if not odd and not (isinstance(node, Mapping) and isinstance(node.get("_target_"), str)):
            odd.append(f"lossbook.config.{key} has no _target_.")
    choices = saved.get("choices") or {}
    if not isinstance(choices, Mapping) or not all(_is_choice(group, name) for group, name in choices.items()):
        odd.append("lossbook.config.choices must name an option for each group.")
    overrides = saved.get("overrides") or []
    if not isinstance(overrides, list) or not all(isinstance(one, str) for one in overrides):
        odd.append("lossbook.config.overrides must be a list of texts.")
    if not odd:
        odd = list(_odd_types(saved, Options([conf_folder()]).declared(choices), "lossbook.config"))
    if odd:
        raise refuse(f"ckpt={path} holds no valid config.", " ".join(odd[:3]), another(path))


def _is_choice(group: Any, name: Any) -> bool:
    several = isinstance(name, list) and may_list(group) and all(isinstance(one, str) for one in name)
    return isinstance(group, str) and (several or isinstance(name, str | None))


# an encoding or a metric is a name or a mapping, whatever it is in today's option
_CHECKED_BY_CONTRACT = tuple(
    f"lossbook.config.{key}" for key in ("loss.accepts", "loss.primary", "loss.terms", "metrics", "data.target")
)


def _odd_types(value: Any, default: Any, key: str) -> Iterator[str]:
    """Yield values whose type is not that of their default; objects of another class are not compared."""
    if key in _CHECKED_BY_CONTRACT:
        return
    if not (isinstance(value, Mapping) and isinstance(default, Mapping)):
        if not fits(key.removeprefix("lossbook.config."), value, default):
            yield f"{key} is {shorten(typed(value), 40, placeholder=' ...')}, where {typed(default)} is the default."
    elif value.get("_target_") == default.get("_target_"):
        for name in value.keys() & default.keys():
            yield from _odd_types(value[name], default[name], f"{key}.{name}")


def restore(saved: Mapping[str, Any], overrides: Sequence[str], folders: Sequence[Path] | None = None) -> DictConfig:
    """Apply overrides to a saved config; nothing else in it changes, whatever the option files hold today.

    A value replaces a value (``optim.lr=0.1``). A group (``data=mnist``) is composed anew and replaces its own node
    only; the defaults that the option sets in other groups are not used.

    Args:
        saved: as ``to_save`` gives it, with ``choices`` and ``overrides``.
        overrides: arguments of the command line.
        folders: of options; our ``conf`` if None.

    Raises:
        UserError: a key or option that does not exist, a value of another type, several values, an experiment.
    """
    from omegaconf import OmegaConf

    folders = list(folders or [conf_folder()])
    options = Options(folders)
    # only the user may trust classes, not the file
    values = {key: value for key, value in saved.items() if key != "trust"} | {"ckpt": None, "ckpt_lr": "config"}
    values = {**_LATER, **values}
    # nor may it say where to write: the run is resumed in a folder of its own
    values |= {group: _placeless(values[group]) for group in ("callbacks", "logger") if group in values}
    values |= {"data": _offline(values["data"])} if "data" in values else {}
    choices = dict(values.get("choices") or {})
    # errors suggest keys of the groups that the checkpoint was trained with
    context = [f"{group}={name}" for group, name in choices.items() if isinstance(name, str) and group not in RECIPES]
    with in_words([*context, *overrides], folders):
        parsed = parse(overrides)
        refuse_several_values(parsed)
        groups = [one for one in parsed if _is_group(one.key_or_group, options) and not isinstance(one.value(), dict)]
        if groups:
            fresh = OmegaConf.to_container(_afresh(groups, folders), resolve=False)
            assert isinstance(fresh, dict)
            before = values.get("data")
            for group in {one.key_or_group for one in groups}:
                values[group], choices[group] = fresh[group], fresh["choices"][group]
            values["data"] = _augmented(values["data"], fresh["data"], before, choices, groups)
        others = [one for one in parsed if one not in groups]
        values |= {"choices": choices, "overrides": [*(values.get("overrides") or []), *overrides]}
        config = in_order(values)
        clear_replaced(config, others)
        apply_overrides(others, config)
        _trust_named(
            config, [*(values[one.key_or_group] for one in groups), *(_node(one) for one in others)], folders[1:]
        )
        if "terms" in config.loss:
            terms: Any = OmegaConf.to_container(config.loss, resolve=False)
            config.loss = with_whole_terms(terms, options)
        wrong = list(twice_problems(overrides))
        wrong = wrong or list(value_problems([one.input_line for one in others], choices, values, options))
        wrong = wrong or _newly_idle(values, config)
        if wrong:
            raise UserError(*wrong)
    return config


def _augmented(data: Any, fresh: Any, before: Any, choices: Mapping[str, Any], groups: Sequence[Any]) -> Any:
    """Return the data node with the augmentation that is chosen now, or that was chosen for the checkpoint's data."""
    named = {one.key_or_group for one in groups}
    if "augment" in named:
        return {**data, "augment": fresh.get("augment")}
    return {**data, "augment": before.get("augment")} if "data" in named and choices.get("augment") else data


def _newly_idle(before: Mapping[str, Any], config: DictConfig) -> list[Problem]:
    """Find keys without effect, except those that the checkpoint holds already."""
    from omegaconf import OmegaConf

    now: Any = OmegaConf.to_container(config, resolve=False)
    held = list(idle(before))
    return [problem for problem in idle(now) if problem not in held]


def _placeless(node: Any) -> Any:
    """Remove from callbacks or loggers the folders that they would write to, and names that lead out of theirs."""
    if isinstance(node, Mapping):
        return {key: _placeless(value) for key, value in node.items() if not _leads_away(key, value)}
    return node


def _offline(node: Any) -> Any:
    """Turn downloads off, and caches in a folder that is named; only the user may ask for them, by an override."""
    if not isinstance(node, Mapping):
        return node
    if node.get("cache_dir") is not None:
        node = {**node, "cache": "none", "cache_dir": None}
    asks = {key for key, value in node.items() if key == "download" and value not in (None, "${data.download}")}
    return {key: False if key in asks else _offline(value) for key, value in node.items()}


def _leads_away(key: Any, value: Any) -> bool:
    if key in ("folder", "save_dir", "dirpath", "root_dir", "log_dir"):
        return True
    named = key in ("name", "version", "sub_dir", "filename", "filename_suffix")
    return named and bool(re.search(r"[/\\$\0]|\.\.|.{100}", str(value)))  # or too long for a file name


def _trust_named(config: DictConfig, nodes: Sequence[Any], folders: Sequence[Path]) -> None:
    """Add to ``trust`` the classes that the user names, in arguments or in option files of their own."""
    from omegaconf import OmegaConf, open_dict

    files = "\n".join(file.read_text(errors="replace") for folder in folders for file in folder.rglob("*.yaml"))
    named = {*Trust().unknown(list(nodes)), *re.findall(r"_target_['\"]?: *['\"]?([\w.]+)", files)}
    asked = Trust().unknown(OmegaConf.to_container(config, resolve=False))
    if trusted := [name for name in asked if name in named]:
        given = config.get("trust") or []
        with open_dict(config):
            config.trust = [*([given] if isinstance(given, str) else given), *trusted]


def _node(override: Any) -> Any:
    """Return what an argument sets, in the form in which classes are looked for."""
    name, value = override.key_or_group.rpartition(".")[2], override.value()
    return {name: value} if name == "_target_" and not override.is_delete() else value


def _is_group(name: str, options: Options) -> bool:
    return name in GROUPS or options.has_group(name)


def _afresh(groups: Sequence[Any], folders: Sequence[Path]) -> DictConfig:
    for one in groups:
        if one.key_or_group == "experiment":
            rule = "A checkpoint is resumed with its own config, and an experiment would change all of it."
            raise refuse(one.input_line, rule, "give each value that should change")
    return composed([one.input_line for one in groups], folders)


def to_save(config: DictConfig) -> dict[str, Any]:
    """Return the config as plain containers, for a checkpoint.

    References between keys (``${data.seed}``) are kept, so that an override of one key changes the other when the run
    is resumed. Computed values (``${oc.env:HOME}``) are saved as resolved.
    """
    from omegaconf import OmegaConf

    plain = OmegaConf.to_container(config, resolve=False)
    resolved = OmegaConf.to_container(config, resolve=True)
    assert isinstance(plain, dict)
    assert isinstance(resolved, dict)
    return {**_computed(plain, resolved), "overrides": resolved["overrides"]}


def _computed(plain: Any, resolved: Any) -> Any:
    if isinstance(plain, dict):
        return {key: _computed(value, resolved[key]) for key, value in plain.items()}
    if isinstance(plain, list):
        return [_computed(value, other) for value, other in zip(plain, resolved, strict=True)]
    calls = isinstance(plain, str) and re.search(r"\$\{[^}]*:", plain)
    return resolved if calls else plain
