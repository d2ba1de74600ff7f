"""Every number of every option has a stated range, and a value outside of it is refused in words, without torch."""

from __future__ import annotations

import copy
import math
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

import lossbook
from lossbook.config.check import check
from lossbook.config.compose import composer
from lossbook.config.options import Options, conf_folder
from lossbook.config.ranges import range_problems, stated
from lossbook.config.resolve import plain
from lossbook.config.types import OPEN
from lossbook.errors import UserError

OPTIONS = Options([conf_folder()])
COMPOSE = composer()
CLASSES = ["loss=cross_entropy"]
FOLDERS = [name for name in OPTIONS.names("data") if OPTIONS.stated(f"data/{name}")[0].get("root") == "???"]
# what an option needs beside it
BESIDE = {
    **{f"data={name}": ["data.root=x", *CLASSES] for name in FOLDERS},
    "data=scene_targets": ("loss=sum", "loss.terms={labels: {loss: bce_logits}, count: {loss: mse}}"),
    "data=celeba": ["data.root=x", "loss=bce_logits"],
    **{f"data={name}": ["data.root=x", "data.target_columns=[y]", *CLASSES] for name in ("table", "csv")},
    "data=image_table": ["data.root=x", "data.image_column=x", "data.target_columns=[y]", *CLASSES],
    "data=mask_folder": ["data.root=x"],
    "data=dataset": ["data.dataset._target_=torch.utils.data.TensorDataset", *CLASSES],
    "data=huggingface": ["data.name=x", "data.target_columns=[y]", *CLASSES],
    "data=pairs": ["loss=cosine_embedding", "data.root=x"],
    "data=triplets": ["loss=triplet_margin", "data.root=x"],
    "data=diabetes": ["loss=mse"],
    "data=digit_lines": ["loss=ctc"],
    "data=digit_mixtures": ["loss=kl_div"],
    "data=digit_pairs": ["loss=hinge_embedding"],
    "data=digit_triplets": ["loss=triplet_margin"],
    "data=digit_views": ["loss=info_nce"],
    "data=scene_counts": ["loss=poisson_nll"],
    "data=scene_labels": ["loss=bce_logits"],
    "model=bag": ["data=digit_tokens"],
    "model=crnn": ["loss=ctc"],
    "model=torchvision_segmentation": ["data=scene_masks"],
    "model=unet_timm": ["data=scene_masks"],
    "model=unet": ["data=scene_masks"],
}
GROUPS = ("loss", "optim", "param_groups", "scheduler", "data", "augment", "model", "trainer", "callbacks", "logger")
NAMES = [f"{group}={name}" for group in GROUPS for name in OPTIONS.names(group)]
NO_NUMBERS = {  # texts, paths, names and nodes whose default is null
    "ckpt", "data.augment", "data.feature_columns", "data.source.feature_columns", "data.positive_class",
    *(f"{node}.{key}" for node in ("data", "data.source") for key in (
        "columns", "delimiter", "encoding", "separator", "group_column", "time_column", "weight_column",
    )),
    "data.split", "data.source.split", "data.class_names", "data.source.class_names",
    "model.weights", "data.cache_dir", "data.group_pattern", "data.source.group_pattern",
    "data.folder", "data.source.folder",
    "data.subset", "data.source.subset", "data.image_column", "data.source.image_column", "data.splits",
    "data.source.splits", "data.variant", "data.source.variant", "data.val._target_", "data.source.val._target_",
    "data.test._target_",
    "data.source.test._target_", "scheduler._target_", "trainer.max_time",
    "trainer.devices",  # a number, a list of them, or auto: what there is decides
}  # fmt: skip
# of the wrong type, sign or size; each is outside of every range but for those that BEYOND lists
WRONG = [-7, -0.5, math.inf, -math.inf, math.nan, 1e30, 10**30, True, "text", [], [[1]], {"a": 1}, [-1, -1], [math.nan]]


@cache
def config(option: str) -> dict[str, Any]:
    return plain(COMPOSE(option, *BESIDE.get(option, ())))


def leaves(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        path = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(value, dict):
            yield from leaves(value, path)
        elif isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
            for one in value:
                yield from leaves(one, f"{path}: ")
        else:
            yield path.replace(": .", ": "), value


def is_numeric(value: Any) -> bool:
    """Whether it is a number, a list that holds one, or null, where one may stand."""
    if isinstance(value, list):
        return any(map(is_numeric, value))
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))


@pytest.mark.parametrize("option", NAMES)
def test_every_number_has_a_range_and_lies_within(option: str) -> None:
    whole = config(option)
    ranges = {key: inside for key, _, inside in stated(whole)}
    own = {key: node for key, node in whole.items() if key not in ("choices", "overrides", "augment", "experiment")}
    for key, value in leaves(own):
        if key.startswith(("loss.rules", "param_groups.preset")) or key in NO_NUMBERS:
            continue
        assert key in (*ranges, *OPEN) or not is_numeric(value), f"{key}={value} has no range"
        assert key not in ranges or ranges[key].admits(value), key
    assert range_problems(whole, {}) == []
    assert check(whole)


@pytest.mark.parametrize("option", NAMES)
def test_every_value_outside_of_its_range_is_refused_in_words(option: str) -> None:
    whole = config(option)
    group = option.partition("=")[0]
    for key, _, inside in stated(whole):
        if not key.startswith(f"{group}.") or ": " in key:
            continue
        outside = [value for value in WRONG if not inside.admits(value)]
        assert len(outside) > len(WRONG) / 2, key
        for value in outside:
            (problem,) = (one for one in range_problems(put(whole, key, value), {}) if key in one.given)
            assert problem.fix, key
            assert len(str(problem).splitlines()) <= 4
        with pytest.raises(UserError) as caught:
            check(put(whole, key, outside[0]))
        assert len([one for one in caught.value.problems if key in one.given]) == 1, str(caught.value)


# what some range admits of WRONG, for which there must be a reason
ADMITTED = {
    -7: {"loss.criterion.ignore_index", "loss.accepts.class.threshold", "loss.accepts.multilabel.threshold"}
    | {f"callbacks.early_stopping.{kind}_threshold" for kind in ("stopping", "divergence")},
}


def test_what_is_not_outside_of_a_range_is_known() -> None:
    flags = 0
    for option in NAMES:
        for key, _, inside in stated(config(option)):
            for value in WRONG:
                if not inside.admits(value) or isinstance(value, bool) or value == []:
                    flags += 1
                    continue
                if value in (-0.5, -7):
                    known = {"optim.beta2_decay", "loss.criterion.margin", *ADMITTED[-7]}
                    assert re.sub(r"\.terms\.\w+", "", key) in known, (key, value)
                else:
                    assert key == "never", (key, value)
    assert flags


def put(whole: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    """The config with another value at a dotted key."""
    made = dict(whole)
    node, (*path, last) = made, key.split(".")
    for part in path:
        node[part] = dict(node[part])
        node = node[part]
    node[last] = copy.deepcopy(value)
    return made


# accepted once, with nothing learned; and the fix, which is accepted
REFUSED = [
    ("optim=sgd optim.dampening=-3", "optim.dampening=0.0"),
    ("optim=sgd optim.momentum=1", "optim.momentum=0.9"),
    ("optim.eps=1e30", "optim.eps=1e-08"),
    ("optim.betas=[1,1]", "optim.betas=[0.9,0.999]"),
    ("optim.betas=[0.9]", "optim.betas=[0.9,0.999]"),
    ("optim.lr=0", "optim.lr=0.003"),
    ("optim.lr=inf", "optim.lr=0.003"),
    ("optim=muon optim.ns_coefficients=[1,2]", "optim.ns_coefficients=[3.4445,-4.775,2.0315]"),
    ("optim=adafactor optim.eps=[null,0.1,1]", "optim.eps=[null,0.001]"),
    ("optim=rprop optim.etas=[0.5]", "optim.etas=[0.5,1.2]"),
    ("optim=lbfgs optim.max_iter=0", "optim.max_iter=20"),
    ("optim=lbfgs optim.history_size=0", "optim.history_size=100"),
    ("loss=smooth_l1 loss.criterion.beta=inf", "loss.criterion.beta=1.0"),
    ("loss=triplet_margin loss.criterion.margin=1e9", "loss.criterion.margin=1.0"),
    ("loss=info_nce loss.criterion.temperature=inf", "loss.criterion.temperature=0.2"),
    ("callbacks=early_stopping callbacks.early_stopping.patience=-1", "callbacks.early_stopping.patience=10"),
    ("callbacks=ema callbacks.ema.decay=1", "callbacks.ema.decay=0.999"),
    ("trainer.max_epochs=0", "trainer.max_epochs=20"),
    ("data.epochs=0", "data.epochs=30"),
    ("trainer.max_steps=0", "trainer.max_steps=-1"),
    ("trainer.min_epochs=50", "trainer.min_epochs=30"),
    ("trainer.accumulate_grad_batches=-1", "trainer.accumulate_grad_batches=1"),
    ("trainer.gradient_clip_val=-0.5", "trainer.gradient_clip_val=null"),
    ("trainer.gradient_clip_val=false", "trainer.gradient_clip_val=null"),
    ("trainer.gradient_clip_val=inf", "trainer.gradient_clip_val=null"),
    ("trainer.gradient_clip_algorithm=norm", "trainer.gradient_clip_val=1.0 trainer.gradient_clip_algorithm=norm"),
    ("trainer.limit_train_batches=0", "trainer.limit_train_batches=null"),
    ("trainer.limit_train_batches=1.5", "trainer.limit_train_batches=null"),
    ("trainer.log_every_n_steps=0", "trainer.log_every_n_steps=50"),
    ("+trainer.fast_dev_run=false", "+trainer.fast_dev_run=true"),
    ("model=mlp model.hidden=[100000000]", "model.hidden=[128,64]"),
    ("param_groups=layer_decay param_groups.layer_decay=2", "param_groups.layer_decay=0.75"),
]


@pytest.mark.parametrize(("overrides", "fix"), REFUSED, ids=[overrides for overrides, _ in REFUSED])
def test_what_learns_nothing_is_refused_and_the_fix_is_accepted(overrides: str, fix: str) -> None:
    with pytest.raises(UserError) as caught:
        check(plain(COMPOSE(*overrides.split())))
    (problem,) = caught.value.problems
    assert problem.fix == fix
    fixed = {one.lstrip("+").partition("=")[0] for one in fix.split()}
    kept = [one for one in overrides.split() if one.lstrip("+").partition("=")[0] not in fixed]
    check(plain(COMPOSE(*kept, *fix.split())))


def test_a_value_that_follows_another_is_not_refused_beside_it() -> None:
    with pytest.raises(UserError) as caught:
        check(plain(COMPOSE("optim=muon", "optim.lr=-1", "data.seed=-1", "data.epochs=0")))
    assert [problem.given for problem in caught.value.problems] == ["optim.lr=-1", "data.epochs=0", "data.seed=-1"]


def test_augmentation_has_ranges_too() -> None:
    node = "data.augment=[{_target_: lossbook.data.augment.PadCrop, padding: 0}]"
    with pytest.raises(UserError, match=r"(?s)data.augment: padding=0.*from 1 to"):
        check(plain(COMPOSE(node)))


def test_a_class_of_the_users_own_is_not_bound() -> None:
    whole = config("optim=sgd")
    mine = {**whole, "optim": {"_target_": "mine.Optimizer", "lr": -1, "momentum": 7}}
    assert range_problems(mine, {}) == []


def test_an_evaluation_does_not_ask_how_a_checkpoint_came_about() -> None:
    whole = put(config("optim=sgd"), "optim.lr", 0)
    assert check(whole, trains=False)
    with pytest.raises(UserError, match=r"data\.seed=-1"):
        check(put(whole, "data.seed", -1), trains=False)
    with pytest.raises(UserError):
        check(whole)


def test_no_torch_is_imported() -> None:
    program = "import sys, lossbook.config.ranges; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
    assert lossbook.compose is not None
