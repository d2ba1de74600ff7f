"""Whether all that a search would try can be tried, and compared: found by composing, without torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from lossbook.composing.check import check
from lossbook.composing.finish import composed
from lossbook.composing.hydras import reader
from lossbook.composing.options import Options
from lossbook.composing.plain import plain
from lossbook.errors import UserError, refuse
from lossbook.objectives.contract import Contract
from lossbook.objectives.metrics.direction import better
from lossbook.report.contests import OF_TRAINING, OF_VALIDATION, samples
from lossbook.searching.plan import Plan
from lossbook.searching.space import Parameter, overrides, parameter, without

_COMBINATIONS = 60  # of options that are all composed beforehand, at a tenth of a second each
_OTHER_SAMPLES = "Trials with other validation parts do not compare."
_NOT_SEARCHED = {
    "seed": "The best of several seeds is luck, which another run would not have.",
    "ckpt": "Every trial would go on from a checkpoint, as the same run.",
    "loss.primary": "Trials with other metrics do not compare.",
    **dict.fromkeys(OF_VALIDATION, _OTHER_SAMPLES),
}
_Group = tuple[Parameter, str]  # a parameter that chooses among options, and one of them


def make_plan(
    arguments: Sequence[str], folders: Sequence[Path], how: Mapping[str, Any], command: Sequence[str]
) -> Plan:
    """Read a search from its arguments, and hold all that it would try against the contracts.

    Args:
        arguments: overrides, those that sweep among them.
        folders: of options, our ``conf`` first.
        how: the search's own keys (``search.seed``, ...).
        command: as it was typed.

    Raises:
        UserError: nothing is searched; something cannot be composed; nothing of it fits; trials would not compare.
    """
    options = Options(folders)
    given = overrides(arguments, options)
    fixed = [one.input_line for one in given if not one.is_sweep_override()]
    sweeps = [one for one in given if one.is_sweep_override()]
    _refuse_keys(sweeps, fixed)
    groups = [parameter(one, None, options) for one in sweeps if options.has_group(one.key_or_group)]
    combinations, refused = _allowed(groups, fixed, folders, options)
    groups, dropped = _left(groups, combinations, refused)
    configs = list(combinations.values())
    primary = _primary(combinations)
    others = []
    for one in sweeps:
        if not options.has_group(one.key_or_group):
            only = _only(one, groups, combinations)
            default = next(
                (_at(config, one.key_or_group) for config, _ in configs if _has(config, one.key_or_group)), None
            )
            others.append(replace(parameter(one, default, options), only=only))
    plan = Plan(
        command=tuple(command),
        folders=tuple(str(folder) for folder in folders[1:]),
        fixed=tuple(fixed),
        parameters=(*groups, *others),
        primary=primary,
        epochs=_epochs(configs),
        sampler=how["search.sampler"],
        pruner=how["search.pruner"],
        seed=how["search.seed"],
        refused=tuple(dropped),
        cwd=str(Path.cwd()),
    )
    return _probed(plan, others, combinations, folders, options)


def problem_with(arguments: Sequence[str], folders: Sequence[Path]) -> UserError | None:
    """What is wrong with a trial that would have these arguments."""
    try:
        check(plain(composed(arguments, folders)), Options(folders))
    except UserError as error:
        return error
    return None


def _refuse_keys(sweeps: Sequence[Any], fixed: Sequence[str]) -> None:
    if not sweeps:
        rule = "A search needs something to vary: an interval, a range, or choices."
        raise refuse(" ".join(fixed) or "No key is searched.", rule, "'optim.lr=interval(1e-4,1e-1)' optim=adam,sgd")
    seen: set[str] = set()
    for one in sweeps:
        key = one.key_or_group
        rule = next((why for name, why in _NOT_SEARCHED.items() if key == name or key.startswith(f"{name}.")), "")
        if key.startswith("data.") and not OF_TRAINING.intersection(key.split(".")):
            rule = _OTHER_SAMPLES
        if rule:
            fix = (
                "python scripts/train.py -m seed=0,1,2 with the best values, afterwards"
                if key == "seed"
                else f"{key}=VALUE"
            )
            raise refuse(one.input_line, rule, fix)
        if key in seen or any(other.partition("=")[0].lstrip("+~") == key for other in fixed):
            raise refuse(one.input_line, f"{key} is given twice.", "leave one of them out")
        seen.add(key)


def _allowed(
    groups: Sequence[Parameter], fixed: Sequence[str], folders: Sequence[Path], options: Options
) -> tuple[dict[tuple[_Group, ...], tuple[dict[str, Any], Contract]], dict[tuple[_Group, ...], str]]:
    """The combinations of options that fit together, with their configs, and the reasons of the others."""
    lists = [[(group, name) for name in group.choices] for group in groups]
    together: Iterable[tuple[_Group, ...]] = product(*lists)
    if prod(map(len, lists)) > _COMBINATIONS:  # each option with the first of every other group
        firsts = [one[0] for one in lists]
        together = dict.fromkeys(
            tuple(option if place == changed else first for place, first in enumerate(firsts))
            for changed, names in enumerate(lists)
            for option in names
        )
    allowed, refused, error = {}, {}, None
    composes = reader(folders)
    for one in together:
        composition = composed([*fixed, *(group.override(name) for group, name in one)], folders, composes)
        try:
            config = plain(composition)
            allowed[one] = config, check(config, options)
        except UserError as problem:
            error, refused[one] = error or problem, str(problem)
    if not allowed:
        assert error is not None
        raise error
    return allowed, refused


def _left(
    groups: Sequence[Parameter], allowed: Iterable[tuple[_Group, ...]], refused: Mapping[tuple[_Group, ...], str]
) -> tuple[list[Parameter], list[tuple[str, str]]]:
    """The groups without the options that fit nothing, and those with their reasons."""
    fine = {(group.key, name) for one in allowed for group, name in one}
    left, dropped = [], []
    for group in groups:
        out = {name for name in group.choices if (group.key, name) not in fine}
        left.append(without(group, out))
        for name in out:
            reason = next(why for one, why in refused.items() if (group, name) in one)
            dropped.append((group.override(name), reason))
    return left, sorted(dropped)


def _primary(combinations: Mapping[tuple[_Group, ...], tuple[dict[str, Any], Contract]]) -> tuple[str, str]:
    """The metric that all combinations watch on the same samples; else it is said what sets these apart."""
    chosen = {str(config["choices"]["data"]) for config, _ in combinations.values()}
    common = set.intersection(*(set(samples(config)) for config, _ in combinations.values()))
    found: dict[tuple[str, str], list[str]] = {}
    for one, (config, contract) in combinations.items():
        own = " ".join(f"{key}={value}" for key, value in samples(config) if (key, value) not in common)
        data = own if own and len(chosen) == 1 else f"data={config['choices']['data']}"
        names = found.setdefault((_watched(config, contract), data), [])
        names.append(" ".join(group.override(name) for group, name in one))
    if len(found) > 1:
        raise _not_comparable(found, combinations)
    ((name, _),) = found
    return f"val/{name}", better(name)


def _not_comparable(found: Mapping[tuple[str, str], Sequence[str]], combinations: Iterable[Any]) -> UserError:
    """The refusal of choices that watch several metrics, or train on several data.

    Args:
        found: metric and data -> the arguments of each combination with these.
        combinations: of options.
    """
    most = max(found, key=lambda kind: len(found[kind]))
    place, verb = (1, "trains on") if len({data for _, data in found}) > 1 else (0, "watches")
    other = next(kind for kind in found if kind[place] != most[place])
    rule = (
        f"{found[most][0]} {verb} {most[place]}, {found[other][0]} {verb} {other[place]}: such figures do not compare."
    )
    keys = dict.fromkeys(group.key for one in combinations for group, _ in one)
    if place == 1 and "data" not in keys:
        return refuse(f"{' '.join(keys)} with data that each brings along.", rule, f"{most[1]}, for all of them")
    alike: dict[str, dict[str, None]] = {}
    for name in found[most]:
        for part in name.split(" "):
            key, _, value = part.partition("=")
            alike.setdefault(key, {})[value] = None
    fix = " ".join(f"{key}={','.join(values)}" for key, values in alike.items())
    return refuse(f"{' '.join(keys)} with several {'data' if place else 'metrics'}.", rule, fix)


def _watched(config: Mapping[str, Any], contract: Contract) -> str:
    kind = str(config["data"].get("target"))
    name = contract.primary.get(kind)
    if name is None:  # measured alone would tell
        raise refuse(
            f"loss={contract.name} does not say which metric it watches on targets of the kind '{kind}'.",
            "A search must know what it looks for before it trains.",
            f"a line 'primary: {{{kind}: acc}}' in {contract.name}.yaml, with the metric's name",
        )
    return name


def _only(
    override: Any,
    groups: Sequence[Parameter],
    combinations: Mapping[tuple[_Group, ...], tuple[dict[str, Any], Contract]],
) -> tuple[str, tuple[str, ...]] | None:
    """The options of the key's own group that have it, where that group is searched and some do not."""
    key = override.key_or_group
    group = next((one for one in groups if one.name == key.partition(".")[0]), None)
    if group is None or override.get_key_element().startswith("+"):
        return None
    has: dict[str, bool] = {}
    for one, (config, _) in combinations.items():
        name = next(option for member, option in one if member.name == group.name)
        has[name] = has.get(name, False) or _has(config, key)
    there = tuple(name for name in group.choices if has.get(name))
    return None if len(there) in (0, len(group.choices)) else (group.name, there)


def _probed(
    plan: Plan,
    others: Sequence[Parameter],
    combinations: Mapping[tuple[_Group, ...], tuple[dict[str, Any], Contract]],
    folders: Sequence[Path],
    options: Options,
) -> Plan:
    """The plan without choices that fit nothing; both ends of every interval must fit something."""
    kept, dropped = [], list(plan.refused)
    for one in others:
        out, error = set(), None
        where = [
            combination
            for combination in combinations
            if one.only is None or any(group.name == one.only[0] and name in one.only[1] for group, name in combination)
        ]
        for place, probe in enumerate(one.probes()):
            error = _fits_nowhere(probe, where, plan.fixed, folders, options)
            if error is not None and not one.choices:
                raise error
            if error is not None:
                out.add(one.choices[place])
                dropped.append((probe, str(error)))
        if one.choices and len(out) == len(one.choices):
            assert error is not None
            raise error
        kept.append(without(one, out))
    groups = plan.parameters[: len(plan.parameters) - len(others)]
    return replace(plan, parameters=(*groups, *kept), refused=tuple(dropped))


def _fits_nowhere(
    probe: str,
    combinations: Iterable[tuple[_Group, ...]],
    fixed: Sequence[str],
    folders: Sequence[Path],
    options: Options,
) -> UserError | None:
    """The first reason against an argument that fits no combination of options."""
    first, composes = None, reader(folders)
    for one in combinations:
        config = composed([*fixed, *(group.override(name) for group, name in one), probe], folders, composes)
        try:
            check(plain(config), options)
        except UserError as error:
            first = first or error
            continue
        return None
    return first


def _has(config: Mapping[str, Any], key: str) -> bool:
    node: Any = config
    for part in key.split("."):
        if not (isinstance(node, Mapping) and part in node):
            return False
        node = node[part]
    return True


def _at(config: Mapping[str, Any], key: str) -> Any:
    node: Any = config
    for part in key.split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    return node


def _epochs(configs: Sequence[tuple[Mapping[str, Any], Contract]]) -> int | None:
    """The fewest epochs that a trial may have, where all configs say."""
    found = [config["trainer"].get("max_epochs") for config, _ in configs]
    numbers = [one for one in found if isinstance(one, int) and one > 0]
    return min(numbers) if len(numbers) == len(found) else None
