"""Check the structure of a config: the nodes that must exist, and the type of each key that the code reads.

A pure function of the config, without torch. The arguments of an object are checked by its class.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lossbook.config.options import GROUPS, RECIPES, Options
from lossbook.config.types import unknown
from lossbook.errors import Problem, typed

_NUMBER = (int, float)
_LIMIT = (*_NUMBER, None)
# The types that each key may have, of those that our code or Lightning's Trainer reads; or a value itself.
_TAKES: Mapping[str, Mapping[str, tuple[Any, ...]]] = {
    "data": {
        "target": (str, dict), "inputs": (str,), "views": (int,), "epochs": (int,), "batch_size": (int, str),
        "limit": (int, None), "seed": (int,), "augment": (list, None), "mixup": _LIMIT, "cutmix": _LIMIT,
        "sampling": ("balanced", None), "num_workers": (int, "auto"), "source": (dict,), "cache": (str,),
        "cache_dir": (str, None),
        "positive_class": (str, int, float, bool, None),
    },
    "model": {"gives": (list, None), "takes": (list, None), "embedding_dim": (int, None)},
    "param_groups": {"rules": (list, None), "preset": (list, None)},
    "trainer": {
        "accelerator": (str,), "devices": (int, str, list), "strategy": (str,), "num_nodes": (int,),
        "precision": (str, int), "max_epochs": (int, None), "min_epochs": (int, None), "max_steps": (int,),
        "min_steps": (int, None), "max_time": (str, dict, None), "gradient_clip_val": _LIMIT,
        "gradient_clip_algorithm": (str, None), "accumulate_grad_batches": (int,),
        "check_val_every_n_epoch": (int, None), "val_check_interval": _LIMIT, "limit_train_batches": _LIMIT,
        "limit_val_batches": _LIMIT, "limit_test_batches": _LIMIT, "overfit_batches": _NUMBER,
        "log_every_n_steps": (int, None), "deterministic": (bool, None, "warn"), "benchmark": (bool, None),
        "detect_anomaly": (bool,), "compile": (bool,),
    },
}  # fmt: skip
_CHOICES = {"optim.line_search_fn": (None, "strong_wolfe")}  # torch would refuse others at the first step
_NEEDED = {"data": ("target", "batch_size", "source")}
_OBJECTS = ("data.source", "model", "optim", "task")  # nodes that must have a _target_
_WORDS = {
    bool: "true or false", int: "a whole number", float: "a number", str: "text", list: "a list", dict: "a mapping",
    None: "null",
}  # fmt: skip
_EXAMPLES = {
    "data.augment": "[{_target_: lossbook.data.augment.HorizontalFlip}]",
    "data.source": "{_target_: lossbook.data.digits.Digits}",
    "data.target": "class",
    "data.batch_size": "64",
    "param_groups.rules": "[{part: backbone, lr_scale: 0.1}]",
    "trainer.strategy": "auto",
    "trainer.gradient_clip_algorithm": "norm",
    "trainer.max_time": "00:08:00:00",
}
_SPANS = ("weeks", "days", "hours", "minutes", "seconds")


def problems(config: Mapping[str, Any], options: Options) -> list[Problem]:
    """Return what keeps a config from being read at all. Later checks rely on this one.

    Args:
        config: whole and resolved, as plain containers.
        options: that exist, for fixes.
    """
    nodes = [group for group in GROUPS if group not in RECIPES]
    wrong = [group for group in nodes if not isinstance(config.get(group), Mapping)]
    wrong = [group for group in wrong if not (group in ("callbacks", "logger") and config.get(group) is None)]
    if wrong:
        return [_no_node(group, config) for group in wrong]
    found = [*_top(config)]
    for group in _TAKES:
        found += _keys(group, config[group])
    for group in nodes:
        found += _targets(group, config[group])
    found += [*_elements(config), *_objects(config)]
    if config.get("ckpt") is None:  # in a checkpoint's config they are not the user's mistakes
        found += [*_unbuilt(config, options), *_endless(config["trainer"])]
    found += _chosen(config)
    return found or [*_time(config["trainer"].get("max_time")), *_spawned(config["trainer"])]


def idle(values: Mapping[Any, Any]) -> Iterator[Problem]:
    """Yield keys without effect: of data and parameter groups, and of a scheduler without a class.

    Neither our code nor another value reads them.

    Args:
        values: the whole config, interpolations not resolved.
    """
    referred = set(re.findall(r"\w+", " ".join(_interpolations(values))))
    for group in ("data", "param_groups"):
        node = values.get(group)
        node = node if isinstance(node, Mapping) else {}
        for key in node:
            if key not in _TAKES[group] and str(key) not in referred:
                known = [*_TAKES[group], *(str(other) for other in node if str(other) in referred)]
                source = node.get("source")
                if isinstance(source, Mapping) and key in source:  # given there, past the key that sets it
                    given, rule = f"{group}.source.{key}={typed(source[key])}", f"{group}.{key} sets it."
                    yield Problem(given, rule, f"{group}.{key}={typed(source[key])}")
                else:
                    yield _idle(f"{group}.{key}", node[key], [f"{group}.{name}" for name in known])
    schedule = values.get("scheduler")
    if isinstance(schedule, Mapping) and schedule.get("_target_", "") is None:
        for key in (key for key in schedule if key != "_target_"):
            given = f"scheduler.{key}={typed(schedule[key])} with scheduler._target_=null"
            yield Problem(given, "Without a scheduler it would have no effect.", "scheduler=none")


def _idle(key: str, value: Any, known: Sequence[str]) -> Problem:
    problem = unknown(key, value, known)
    return Problem(problem.given, f"{problem.rule[:-1]}, so it would have no effect.", problem.fix)


def _interpolations(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield from re.findall(r"\$\{([^}]*)\}", node)
    elif isinstance(node, (Mapping, list)):
        for value in node.values() if isinstance(node, Mapping) else node:
            yield from _interpolations(value)


def _no_node(group: str, config: Mapping[str, Any]) -> Problem:
    given = f"{group}={typed(config[group])}" if group in config else f"{group} is not given."
    return Problem(given, f"{group} must be a mapping, such as the options of this group.", f"{group}=NAME (--help)")


def _top(config: Mapping[str, Any]) -> Iterator[Problem]:
    if "seed" not in config:
        yield Problem("seed is not given.", "Every run needs a seed for its random numbers.", "seed=0")
    elif type(config["seed"]) is not int:
        yield _wrong("seed", config["seed"], (int,))
    for key, takes in (("ckpt", (str, None)), ("ckpt_lr", (str,))):
        if key in config and not _fits(config[key], takes):
            yield _wrong(key, config[key], takes)


def _keys(group: str, node: Mapping[str, Any]) -> Iterator[Problem]:
    for key in _NEEDED.get(group, ()):
        if key not in node:
            yield Problem(f"{group}.{key} is not given.", "Every run needs it.", f"give {_example(f'{group}.{key}')}")
    for key, takes in _TAKES[group].items():
        if key in node and not _fits(node[key], takes):
            yield _wrong(f"{group}.{key}", node[key], takes)


def _elements(config: Mapping[str, Any]) -> Iterator[Problem]:
    """Check the elements of lists."""
    devices, augment = config["trainer"].get("devices"), config["data"].get("augment")
    if isinstance(devices, list) and not (devices and all(_fits(one, (int,)) for one in devices)):
        rule = "A list must hold device indices, from 0."
        yield Problem(f"trainer.devices={typed(devices)}", rule, "trainer.devices=[0]")
    for each in augment if isinstance(augment, list) else ():
        if not (isinstance(each, Mapping) and "_target_" in each):
            rule = "Each element must be a mapping with a _target_."
            yield Problem(f"data.augment has {typed(each)}.", rule, _example("data.augment"))
    for key in ("gives", "takes"):
        named = config["model"].get(key)
        if isinstance(named, list) and not all(isinstance(one, str) for one in named):
            yield Problem(
                f"model.{key}={typed(named)}", f"model.{key} must be a list of names.", f"leave model.{key} as it is"
            )


def _fits(value: Any, takes: Sequence[Any]) -> bool:
    if isinstance(value, bool):
        return bool in takes
    return any(isinstance(value, take) if isinstance(take, type) else value == take for take in takes)


def _wrong(key: str, value: Any, takes: Sequence[Any]) -> Problem:
    words = [_WORDS.get(take, typed(take)) for take in takes if not (take is int and float in takes)]
    return Problem(f"{key}={typed(value)}", f"{key} must be {' or '.join(words)}.", _example(key, takes))


def _example(key: str, takes: Sequence[Any] = ()) -> str:
    value = _EXAMPLES.get(key) or ("null" if None in takes else {bool: "false", int: "1"}.get(takes[0], "auto"))
    return f"'{key}={value}'" if " " in value else f"{key}={value}"


def _targets(key: str, node: Any) -> Iterator[Problem]:
    """Check that each _target_ is the name of a class; that of a scheduler or of a given part may be null."""
    if isinstance(node, list):
        for place, item in enumerate(node):
            yield from _targets(f"{key}[{place}]", item)
    if not isinstance(node, Mapping):
        return
    for name, value in node.items():
        if name == "_target_" and not (value is None and (key in _MAY_BE_NULL or key.startswith(_OPEN))):
            if not isinstance(value, str) or not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)+", value):
                rule = "A _target_ must be the dotted path of a class or function, such as torch.nn.MSELoss."
                yield Problem(f"{key}._target_={typed(value)}", rule, f"{key}._target_=PACKAGE.CLASS")
        elif name == "_partial_" and not isinstance(value, bool):
            yield _wrong(f"{key}._partial_", value, (bool,))
        else:
            yield from _targets(f"{key}.{name}", value)


_MAY_BE_NULL = ("scheduler", "data.val", "data.test", "data.source.val", "data.source.test")
_OPEN = ("callbacks.", "logger.")  # a missing class has a message of its own here


def _objects(config: Mapping[str, Any]) -> Iterator[Problem]:
    for key in (*_OBJECTS, "scheduler"):
        group, _, inner = key.partition(".")
        node = config[group].get(inner) if inner else config[group]
        if isinstance(node, Mapping) and "_target_" not in node:
            fix = (
                f"{group}=NAME, one of --help"
                if group != "scheduler"
                else "scheduler=none, for a constant learning rate"
            )
            yield Problem(f"{key} has no _target_.", "_target_ names the class to build.", fix)


def _unbuilt(config: Mapping[str, Any], options: Options) -> Iterator[Problem]:
    """Yield callbacks and loggers that name no class, so that nothing would be built."""
    for group in ("callbacks", "logger"):
        for name, node in (config[group] or {}).items():
            path = node.get("_target_") if isinstance(node, Mapping) else None
            if path is not None:
                continue
            if isinstance(node, Mapping) and "_target_" in node:
                given, fix = f"{group}.{name}._target_=null", f"~{group}.{name}"
            elif isinstance(node, Mapping) and node and name in options.names(group):
                given = f"{group}.{name}={typed(node)} without {group}={name}."
                fix = f"{_with(group, str(name), config)} {' '.join(_assigned(f'{group}.{name}', node))}"
            else:
                given, fix = f"{group}.{name}={typed(node)}", f"~{group}.{name}, or {group}.{name}._target_=CLASS in it"
            yield Problem(given, "Without a _target_, which names a class, nothing would be built.", fix)


def _with(group: str, name: str, config: Mapping[str, Any]) -> str:
    """Return the argument that adds an option to the chosen ones, of which each includes the default."""
    chosen = (config.get("choices") or {}).get(group)
    others = [other for other in (chosen if isinstance(chosen, list) else [chosen]) if other not in ("default", "none")]
    return f"'{group}={typed([*filter(None, others), name])}'" if any(others) else f"{group}={name}"


def _assigned(key: str, node: Mapping[str, Any]) -> list[str]:
    return [f"{key}.{name}={typed(value)}" for name, value in node.items()]


def _endless(trainer: Mapping[str, Any]) -> Iterator[Problem]:
    if trainer.get("max_epochs") is None and trainer.get("max_steps", -1) == -1 and trainer.get("max_time") is None:
        given = "trainer.max_epochs=null" if "max_epochs" in trainer else "trainer.max_epochs is not given."
        rule = "Nothing limits the run; Lightning would train 1000 epochs."
        yield Problem(given, rule, "trainer.max_epochs=20, or -1 for no limit")


def _chosen(config: Mapping[str, Any]) -> Iterator[Problem]:
    for key, choices in _CHOICES.items():
        group, _, name = key.partition(".")
        if config[group].get(name, choices[0]) not in choices:
            rule = f"{key} must be {' or '.join(map(typed, choices))}."
            yield Problem(f"{key}={typed(config[group][name])}", rule, f"{key}={typed(choices[-1])}")


def _time(value: Any) -> Iterator[Problem]:
    if isinstance(value, Mapping):
        fine = bool(value) and all(name in _SPANS and _fits(span, _NUMBER) for name, span in value.items())
    else:
        fine = value is None or re.fullmatch(r"\d+:\d\d:\d\d:\d\d", value.strip()) is not None
    if not fine:
        rule = "max_time must be days:hours:minutes:seconds, or a mapping such as {minutes: 8}."
        yield Problem(f"trainer.max_time={typed(value)}", rule, _example("trainer.max_time"))


def _spawned(trainer: Mapping[str, Any]) -> Iterator[Problem]:
    strategy = str(trainer.get("strategy"))
    if strategy.startswith("ddp") and any(how in strategy for how in ("spawn", "fork", "notebook")):
        rule = "It copies this process; each process of a run must be started by the command instead."
        yield Problem(f"trainer.strategy={strategy}", rule, "trainer.strategy=ddp")
