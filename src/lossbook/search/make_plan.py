"""Making the plan of a search from its arguments; all its trials must be comparable. Without torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lossbook.config.check import kind_of
from lossbook.config.options import Options
from lossbook.errors import UserError, refuse
from lossbook.losses.contract import Contract
from lossbook.losses.rules import look_up
from lossbook.metrics.definitions import direction
from lossbook.report.contests import OF_TRAINING, OF_VALIDATION, WITHIN_A_BATCH, batch, samples
from lossbook.search.combinations import (
    Combination,
    Fitting,
    fitting_combinations,
    with_checked_values,
    without_unfit,
)
from lossbook.search.plan import SearchPlan
from lossbook.search.space import Parameter, overrides, parameter

_OTHER_SAMPLES = "Trials with different validation samples are not comparable."
_NOT_SEARCHED = {
    "seed": "The best of several seeds is luck, which another run would not repeat.",
    "ckpt": "Every trial would resume the same run from its checkpoint.",
    "loss.primary": "Trials with different metrics are not comparable.",
    **dict.fromkeys(OF_VALIDATION, _OTHER_SAMPLES),
}


def make_plan(
    arguments: Sequence[str], folders: Sequence[Path], how: Mapping[str, Any], command: Sequence[str]
) -> SearchPlan:
    """Make the plan of a search, and check the values that it would try against the contracts.

    Args:
        arguments: overrides, some of them with several values.
        folders: of options, Lossbook's ``conf`` first.
        how: the search's own keys (``search.seed``, ...).
        command: as typed.

    Raises:
        UserError: nothing is searched; arguments do not compose or fit the contracts; trials would not be comparable.
    """
    options = Options(folders)
    given = overrides(arguments, options)
    fixed = [one.input_line for one in given if not one.is_sweep_override()]
    sweeps = [one for one in given if one.is_sweep_override()]
    _refuse_keys(sweeps, fixed)
    groups = [parameter(one, None, options) for one in sweeps if options.has_group(one.key_or_group)]
    combinations, refused = fitting_combinations(groups, fixed, folders, options)
    groups, dropped = without_unfit(groups, combinations, refused)
    configs = list(combinations.values())
    primary = _primary(combinations)
    in_batch = any(batch(config) for config, _ in configs)
    _refuse_batch_sizes(sweeps, configs, in_batch and primary[0] in WITHIN_A_BATCH)
    others = []
    for one in sweeps:
        if not options.has_group(one.key_or_group):
            only = _only(one, groups, combinations)
            found = (look_up(config, one.key_or_group) for config, _ in configs)
            default = next((value for there, value in found if there), None)
            others.append(replace(parameter(one, default, options), only=only))
    plan = SearchPlan(
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
        in_batch=in_batch,
    )
    return with_checked_values(plan, others, combinations, folders, options)


def _refuse_keys(sweeps: Sequence[Any], fixed: Sequence[str]) -> None:
    if not sweeps:
        rule = "A search needs a key to vary: over an interval, a range, or choices."
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
            raise refuse(one.input_line, f"{key} is given twice.", "remove one of them")
        seen.add(key)


def _primary(combinations: Mapping[Combination, Fitting]) -> tuple[str, str]:
    """Return the metric that all combinations watch, on the same samples; an error says how they differ."""
    chosen = {str(config["choices"]["data"]) for config, _ in combinations.values()}
    common = set.intersection(*(set(samples(config)) for config, _ in combinations.values()))
    found: dict[tuple[tuple[str, str], str], list[str]] = {}
    for one, (config, contract) in combinations.items():
        own = " ".join(f"{key}={value}" for key, value in samples(config) if (key, value) not in common)
        data = own if own and len(chosen) == 1 else f"data={config['choices']['data']}"
        names = found.setdefault((_watched(config, contract), data), [])
        names.append(" ".join(group.override(name) for group, name in one))
    if len(found) > 1:
        raise _not_comparable(found, combinations)
    (((name, mode), _),) = found
    return f"val/{name}", mode


def _refuse_batch_sizes(sweeps: Sequence[Any], configs: Sequence[Fitting], of_a_batch: bool) -> None:
    """Refuse to search the batch size if validation depends on it.

    Args:
        sweeps: Hydra's overrides.
        configs: of all combinations.
        of_a_batch: whether the metric to optimize depends on it.
    """
    one = next((one for one in sweeps if one.key_or_group == "data.batch_size"), None)
    if one is None:
        return
    limits = [f"{key}={value}" for config, _ in configs for key, value in samples(config) if key in OF_VALIDATION]
    if limits:
        rule = f"{limits[0]} counts batches: trials with different validation samples are not comparable."
        raise refuse(one.input_line, rule, f"data.batch_size=VALUE, or remove {limits[0].partition('=')[0]}")
    if of_a_batch:
        rule = "The searched metric compares the samples of a batch: across batch sizes, trials are not comparable."
        raise refuse(one.input_line, rule, "data.batch_size=VALUE")


def _not_comparable(
    found: Mapping[tuple[tuple[str, str], str], Sequence[str]], combinations: Iterable[Any]
) -> UserError:
    """Return the error for choices with different metrics or data.

    Args:
        found: metric and data -> arguments of the combinations with these.
        combinations: of options.
    """
    most = max(found, key=lambda kind: len(found[kind]))
    place, verb = (1, "trains on") if len({data for _, data in found}) > 1 else (0, "watches")
    other = next(kind for kind in found if kind[place] != most[place])
    told = (most[1], other[1]) if place else (most[0][0], other[0][0])
    if told[0] == told[1]:
        told = (" ".join(most[0]), " ".join(other[0]))
    rule = f"{found[most][0]} {verb} {told[0]}, {found[other][0]} {verb} {told[1]}: these are not comparable."
    keys = dict.fromkeys(group.key for one in combinations for group, _ in one)
    if place == 1 and "data" not in keys:
        return refuse(f"{' '.join(keys)} with different default data.", rule, f"{most[1]} for all of them")
    alike: dict[str, dict[str, None]] = {}
    for name in found[most]:
        for part in name.split(" "):
            key, _, value = part.partition("=")
            alike.setdefault(key, {})[value] = None
    fix = " ".join(f"{key}={','.join(values)}" for key, values in alike.items())
    return refuse(f"{' '.join(keys)} with several {'data' if place else 'metrics'}.", rule, fix)


def _watched(config: Mapping[str, Any], contract: Contract) -> tuple[str, str]:
    """Return the watched metric, and whether its ``max`` or ``min`` is best."""
    kind = kind_of(config["data"])
    name, mode = contract.watched(kind)
    if name is None:  # known only once it is measured
        raise refuse(
            f"loss={contract.name} does not say which metric it watches on targets of the kind '{kind}'.",
            "A search must know its metric before it trains.",
            f"a line 'primary: {{{kind}: acc}}' in {contract.name}.yaml, with the metric's name",
        )
    mode = mode or direction(name)
    if mode is None:  # a user's metric may define it, but only once it is built
        raise refuse(
            f"loss.primary.{kind}={name}",
            "A search must know before it trains whether to minimize or maximize it.",
            f"'loss.primary.{kind}={{name: {name}, mode: min}}' or 'loss.primary.{kind}={{name: {name}, mode: max}}'",
        )
    return name, mode


def _only(
    override: Any,
    groups: Sequence[Parameter],
    combinations: Mapping[Combination, Fitting],
) -> tuple[str, tuple[str, ...]] | None:
    """Return a key's group and its options that have the key, if the group is searched and some do not."""
    key = override.key_or_group
    group = next((one for one in groups if one.name == key.partition(".")[0]), None)
    if group is None or override.get_key_element().startswith("+"):
        return None
    has: dict[str, bool] = {}
    for one, (config, _) in combinations.items():
        name = next(option for member, option in one if member.name == group.name)
        has[name] = has.get(name, False) or look_up(config, key)[0]
    there = tuple(name for name in group.choices if has.get(name))
    return None if len(there) in (0, len(group.choices)) else (group.name, there)


def _epochs(configs: Sequence[tuple[Mapping[str, Any], Contract]]) -> int | None:
    """Return the fewest epochs of any trial; None if a config does not say."""
    found = [config["trainer"].get("max_epochs") for config, _ in configs]
    numbers = [one for one in found if isinstance(one, int) and one > 0]
    return min(numbers) if len(numbers) == len(found) else None
