"""Check that every number of a config is within its range. A pure function, without torch.

A range belongs to a key of ours (``data.batch_size``, ``trainer.max_epochs``) or to an argument of a class (``eps`` of
``torch.optim.Adam``); it does not apply to a user's own classes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from lossbook.data import ranges as data
from lossbook.errors import Problem, typed
from lossbook.losses import ranges as losses
from lossbook.losses.rules import look_up
from lossbook.models import ranges as models
from lossbook.optim import ranges as optim
from lossbook.optim.schedules.ranges import of as of_schedule
from lossbook.ranges import COUNT, FLAG, FLAG_OR_NULL, Range, either, number, one_of, or_null, whole

_BATCHES = either(whole(1, COUNT), number(0, 1, above=True)).because("A fraction is relative to the part's batches.")
_TRAINER: dict[str, Range] = {
    "max_epochs": either(whole(1, COUNT, example=20), one_of(-1), one_of(None)).because("-1: no limit."),
    "min_epochs": or_null(whole(1, COUNT)),
    "max_steps": either(whole(1, COUNT, example=1000), one_of(-1)).because("-1: no limit."),
    "min_steps": or_null(whole(1, COUNT)),
    "num_nodes": whole(1, 10_000),
    "gradient_clip_val": or_null(number(0, 1e9, above=True), "for no clipping"),
    "gradient_clip_algorithm": one_of(None, "norm", "value"),
    "accumulate_grad_batches": whole(1, 1_000_000),
    "check_val_every_n_epoch": or_null(whole(1, COUNT), "to count batches across epochs"),
    "val_check_interval": or_null(_BATCHES, "for the end of each epoch"),
    "limit_train_batches": or_null(_BATCHES, "for all"),
    "limit_val_batches": or_null(either(_BATCHES, one_of(0)), "for all"),
    "limit_test_batches": or_null(either(_BATCHES, one_of(0)), "for all"),
    "overfit_batches": either(number(0, 1), whole(0, COUNT)),
    "log_every_n_steps": or_null(whole(1, COUNT, example=50)),
    "deterministic": one_of(None, True, False, "warn"),
    "benchmark": FLAG_OR_NULL,
    "detect_anomaly": FLAG,
    "compile": FLAG,
    # arguments of Lightning's Trainer that a user may add
    "fast_dev_run": either(one_of(True), whole(1, COUNT)),
}
_KEYS: dict[str, Range] = {
    "seed": data.SEED,
    **{f"trainer.{key}": inside for key, inside in _TRAINER.items()},
    **data.KEYS,
    **models.KEYS,
    **losses.KEYS,
    **optim.KEYS,
}
_CLASSES: dict[str, dict[str, Range]] = {
    **data.CLASSES,
    **models.CLASSES,
    **losses.CLASSES,
    **optim.CLASSES,
    "lightning.pytorch.callbacks.EarlyStopping": {
        "patience": whole(0, COUNT, example=10).because("patience is a number of validations."),
        "min_delta": number(0, 1e12),
        "strict": FLAG,
        "check_finite": FLAG,
        "stopping_threshold": or_null(number(-1e12, 1e12)),
        "divergence_threshold": or_null(number(-1e12, 1e12)),
    },
    "lossbook.training.callbacks.checkpoints.Checkpoints": {
        "every_n_steps": or_null(whole(1, COUNT), "for the end of each epoch only")
    },
    "lossbook.training.callbacks.pictures.Pictures": {"samples": whole(1, COUNT), "every": whole(1, COUNT)},
    "lossbook.training.callbacks.weight_averaging.EqualAverage": {"start": number(0, 1, below=True, example=0.75)},
    "lossbook.training.callbacks.weight_averaging.ExponentialAverage": {
        "decay": number(0, 1, below=True, example=0.999)
    },
}
_NOTES = ("choices", "overrides", "augment", "experiment")  # of the config itself


def stated(config: Mapping[str, Any]) -> Iterator[tuple[str, Any, Range]]:
    """Yield each value of a plain config that has a range: its dotted key, the value, the range."""
    yield from _within({key: node for key, node in config.items() if key not in _NOTES}, "")


def range_problems(config: Mapping[str, Any], declared: Mapping[str, Any]) -> list[Problem]:
    """Return the problems of values outside their ranges.

    Args:
        config: whole and resolved, as plain containers.
        declared: the defaults of the options, interpolations not resolved; they are suggested as fixes.
    """
    found: dict[str, Problem] = {}
    given = " ".join(map(str, config.get("overrides") or ()))
    for key, value, inside in stated(config):
        known, default = look_up(declared, key)
        follows = isinstance(default, str) and default.startswith("${")
        if follows and key not in given and any(other in default for other in found):
            continue  # reported for the value that it refers to
        problem = inside(key if known or ": " in key else f"+{key}", value, default)
        if problem is not None:
            found[key] = problem
    trainer = config.get("trainer") or {}
    together = _together(trainer) if not any(key.startswith("trainer.") for key in found) else ()
    return [*found.values(), *together]


def _within(node: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any, Range]]:
    target = node.get("_target_")
    of_class = _CLASSES.get(target, {}) if isinstance(target, str) else {}
    of_class = of_schedule(target) if path == "scheduler" else of_class
    everywhere = re.sub(r"^loss(\.terms\.[^.]+)?\.accepts\.[^.]+$", "loss.accepts.*", path)
    everywhere = re.sub(r"^loss\.terms\.[^.]+$", "loss.terms.*", everywhere)
    for name, value in node.items():
        key = f"{path}.{name}" if path and not path.endswith(": ") else f"{path}{name}"
        inside = of_class.get(name) or _KEYS.get(f"{everywhere}.{name}" if everywhere else str(name))
        if inside is not None:
            yield key, value, inside
        elif isinstance(value, Mapping):
            yield from _within(value, key)
        elif isinstance(value, (list, tuple)):
            for one in value:
                if isinstance(one, Mapping):
                    yield from _within(one, f"{key}: ")


def _together(trainer: Mapping[str, Any]) -> Iterator[Problem]:
    """Check the trainer's values against one another."""
    for what in ("epochs", "steps"):
        least, most = trainer.get(f"min_{what}"), trainer.get(f"max_{what}")
        if isinstance(least, int) and isinstance(most, int) and least > most >= 0:
            given = f"trainer.min_{what}={least} with trainer.max_{what}={most}."
            yield Problem(given, "The run would end before its minimum.", f"trainer.min_{what}={most}")
    algorithm = trainer.get("gradient_clip_algorithm")
    if algorithm is not None and trainer.get("gradient_clip_val") is None:
        given = f"trainer.gradient_clip_algorithm={typed(algorithm)} without trainer.gradient_clip_val."
        rule = "Nothing is clipped without a value, the largest norm or the largest element."
        yield Problem(given, rule, f"trainer.gradient_clip_val=1.0 trainer.gradient_clip_algorithm={typed(algorithm)}")
