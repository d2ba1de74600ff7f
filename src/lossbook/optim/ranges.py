"""The valid ranges of torch's optimizers' hyperparameters and of the values of rules for groups, without torch.

They exclude values with which nothing is learned: a momentum or dampening of 1, steps beyond float32.
"""

from __future__ import annotations

from dataclasses import replace

from lossbook.optim.capabilities import CAPABILITIES
from lossbook.ranges import COUNT, FLAG, FLAG_OR_NULL, Range, either, listed, number, one_of, or_null, row, whole

LR = number(0, 10_000, above=True, example=0.001)
WEIGHT_DECAY = number(0, 100, example=0.0)
SHARE = number(0, 1, below=True, example=0.9)  # decay of a running average
BETAS = listed(SHARE, 2, 2)
EPS = number(0, 1)

_COMMON: dict[str, Range] = {
    "lr": LR,
    "weight_decay": WEIGHT_DECAY,
    "eps": EPS,
    "betas": BETAS,
    "momentum": SHARE,
    "foreach": FLAG_OR_NULL,
    "fused": FLAG_OR_NULL,
    **dict.fromkeys(
        ("amsgrad", "capturable", "centered", "decoupled_weight_decay", "differentiable", "maximize", "nesterov"), FLAG
    ),
}
_OWN: dict[str, dict[str, Range]] = {
    "ASGD": {
        "lambd": number(0, 1),
        "alpha": number(0, 2),
        "t0": or_null(number(0, COUNT), "for half of the run's steps"),
    },
    "Adadelta": {"rho": SHARE},
    "Adafactor": {
        "beta2_decay": number(-2, 0),
        "eps": row(or_null(EPS, "for the precision's own"), EPS),
        "d": number(1, 1000),
    },
    "Adagrad": {"lr_decay": number(0, 1), "initial_accumulator_value": number(0, 100)},
    "LBFGS": {
        "max_iter": whole(1, 1_000_000, example=20),
        "max_eval": or_null(whole(1, 1_000_000), "for 1.25 times max_iter"),
        "tolerance_grad": number(0, 1, below=True),
        "tolerance_change": number(0, 1, below=True),
        "history_size": whole(1, 10_000, example=100),
        "line_search_fn": one_of(None, "strong_wolfe"),
    },
    "Muon": {
        "ns_coefficients": listed(number(-100, 100), 3, 3),
        "ns_steps": whole(1, 99, example=5),
        "adjust_lr_fn": one_of(None, "original", "match_rms_adamw", "spectral_unclamped"),
    },
    "NAdam": {"momentum_decay": number(0, 1)},
    "RMSprop": {"alpha": SHARE},
    "Rprop": {
        "etas": row(number(0, 1, above=True, below=True), number(1, 1000, above=True)),
        "step_sizes": listed(number(0, 1000, above=True), 2, 2),
    },
    "SGD": {
        "dampening": SHARE.because("At 1 nothing of a gradient would be left, and below 0 the steps grow without end.")
    },
}
CLASSES: dict[str, dict[str, Range]] = {
    path: {**_COMMON, **_OWN.get(path.rpartition(".")[2], {})} for path in CAPABILITIES
}

_TEXT = Range(lambda value: isinstance(value, str) and bool(value), "a string", "*")
RULES: dict[str, Range] = {
    "match": replace(_TEXT, example="model.head.*"),
    "type": replace(_TEXT, example="BatchNorm*"),
    "name": replace(_TEXT, example="head"),
    "part": replace(one_of("backbone", "head"), example="head"),
    "vectors": one_of(True).because("It selects tensors of at most one dimension; without it all are selected."),
    "freeze": replace(FLAG, example=True),
    "until_epoch": whole(1, COUNT, example=5),
    "until_step": whole(1, COUNT, example=1000),
    "until_share": number(0, 1, above=True, below=True),
    "unfrozen_by": number(0, 1, above=True, below=True),
    "layer_decay": number(0, 1, above=True, example=0.75),
    "lr_scale": number(0, 1000, above=True, example=0.1),
    "lr": number(0, 10_000, example=0.01),
    "weight_decay": WEIGHT_DECAY,
}
KEYS: dict[str, Range] = {f"param_groups.{key}": RULES[key] for key in ("lr_scale", "layer_decay", "unfrozen_by")}
"""The ranges of the presets' own values, by dotted key of the config."""


def hyperparameter(targets: list[str], key: str) -> Range | None:
    """Return the range of a hyperparameter in rules, for the optimizer, or the two, at these dotted paths."""
    found = [CLASSES[target][key] for target in targets if key in CLASSES.get(target, {})]
    return either(*found) if len(found) > 1 and found[0] is not found[1] else found[0] if found else None
