"""``ckpt=PATH``: the config that a checkpoint holds, and what the command line puts on top of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossbook.composing.arguments import parse
from lossbook.composing.finish import composed, in_order, wrong_values
from lossbook.composing.options import GROUPS, Options, conf_folder
from lossbook.composing.structure import idle
from lossbook.composing.wording import word
from lossbook.errors import Problem, UserError, refuse

if TYPE_CHECKING:
    from omegaconf import DictConfig


def resume(ckpt: str, overrides: Sequence[str], folders: Sequence[Path]) -> DictConfig:
    """Reads the config out of a checkpoint file and puts the overrides on top; imports torch where there is a file."""
    path = Path(ckpt)
    if not path.is_file():
        there = sorted(path.parent.glob("*.ckpt")) if path.parent.is_dir() else []
        fix = f"ckpt={there[-1]}" if there else "ckpt=outputs/<loss>-<optim>/<date>_<time>/checkpoints/last.ckpt"
        raise refuse(f"ckpt={ckpt}", "There is no such file.", fix)
    from lossbook.checkpoint import read

    config = restore(read(path)["lossbook"]["config"], overrides, folders)
    config.ckpt = ckpt
    return config


def restore(saved: Mapping[str, Any], overrides: Sequence[str], folders: Sequence[Path] | None = None) -> DictConfig:
    """A saved config with overrides on top: nothing else of it changes, whatever the option files say by now.

    A value goes where a value stood (``optim.lr=0.1``); a group (``data=mnist``) is composed afresh and replaces its
    node alone, so that no natural task comes along.

    Args:
        saved: as ``to_save`` gives it, with ``choices`` and ``overrides``.
        overrides: arguments of the command line.
        folders: where options are looked for; by default our ``conf``.

    Raises:
        UserError: a key or option that does not exist, a value of another type, several values, an experiment.
    """
    from hydra._internal.config_loader_impl import ConfigLoaderImpl
    from hydra.types import RunMode
    from omegaconf import OmegaConf

    folders = list(folders or [conf_folder()])
    options = Options(folders)
    # what may be built is the user's word, never the file's
    values = {key: value for key, value in saved.items() if key != "trust"} | {"ckpt": None, "ckpt_lr": "config"}
    # and so is where to write: the run goes on in a folder of its own
    values |= {group: _placeless(values[group]) for group in ("callbacks", "logger") if group in values}
    choices = dict(values.get("choices") or {})
    # for the nearest key, an error is worded against the groups that the checkpoint was trained with
    context = [f"{group}={name}" for group, name in choices.items() if isinstance(name, str) and group != "experiment"]
    try:
        parsed = parse(overrides)
        ConfigLoaderImpl.validate_sweep_overrides_legal(parsed, RunMode.RUN, from_shell=True)
        groups = [one for one in parsed if _is_group(one.key_or_group, options) and not isinstance(one.value(), dict)]
        if groups:
            fresh = OmegaConf.to_container(_afresh(groups, folders), resolve=False)
            assert isinstance(fresh, dict)
            for group in {one.key_or_group for one in groups}:
                values[group], choices[group] = fresh[group], fresh["choices"][group]
        others = [one for one in parsed if one not in groups]
        values |= {"choices": choices, "overrides": [*(values.get("overrides") or []), *overrides]}
        config = in_order(values)
        ConfigLoaderImpl._apply_overrides_to_config(others, config)
        wrong = list(wrong_values([one.input_line for one in others], choices, values, options))
        wrong = wrong or _newly_idle(values, config)
        if wrong:
            raise UserError(*wrong)
    except UserError:
        raise
    except Exception as error:
        worded = word(error, [*context, *overrides], folders)
        if worded is None:
            raise
        raise worded from error
    return config


def _newly_idle(before: Mapping[str, Any], config: DictConfig) -> list[Problem]:
    """Keys that have no effect, but those that the checkpoint holds anyway."""
    from omegaconf import OmegaConf

    now: Any = OmegaConf.to_container(config, resolve=False)
    held = list(idle(before))
    return [problem for problem in idle(now) if problem not in held]


def _placeless(node: Any) -> Any:
    """Callbacks or loggers without the folders that they would write to, and without names that lead out of theirs."""
    if isinstance(node, Mapping):
        return {key: _placeless(value) for key, value in node.items() if not _leads_away(key, value)}
    return node


def _leads_away(key: Any, value: Any) -> bool:
    if key in ("folder", "save_dir", "dirpath", "root_dir", "log_dir"):
        return True
    return key in ("name", "version", "sub_dir", "filename") and bool(re.search(r"[/\\$]|\.\.", str(value)))


def _is_group(name: str, options: Options) -> bool:
    return name in GROUPS or options.has_group(name)


def _afresh(groups: Sequence[Any], folders: Sequence[Path]) -> DictConfig:
    for one in groups:
        if one.key_or_group == "experiment":
            rule = "A checkpoint goes on with its own config, and an experiment would change all of it."
            raise refuse(one.input_line, rule, "give the values that should change, one by one")
    return composed([one.input_line for one in groups], folders)


def to_save(config: DictConfig) -> dict[str, Any]:
    """The config as plain containers, for a checkpoint.

    References between keys (``${data.seed}``) stay, so that an override of the one moves the other when the run is
    resumed; what is computed (``${oc.env:HOME}``) is put down as it came out.
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
