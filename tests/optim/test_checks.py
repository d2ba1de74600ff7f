"""What an optimizer does not support is refused with the reason, and the suggested fix is accepted."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

import lossbook
from lossbook.config.resolve import plain
from lossbook.optim.checks import notes, problems, sparse_gradients

_BASE: dict[str, dict[str, Any]] = {}


def config(optim: str, **changed: Any) -> dict[str, Any]:
    """The plain config of an option, with values at dotted keys (``__`` for the dots) put in."""
    if optim not in _BASE:
        data = [] if optim != "sparse_adam" else ["data=digits"]
        _BASE[optim] = plain(lossbook.compose(f"optim={optim}", *data))
    made = {key: dict(value) if isinstance(value, dict) else value for key, value in _BASE[optim].items()}
    if optim == "sparse_adam":
        made["model"]["sparse"] = True
    for key, value in changed.items():
        *path, last = key.split("__")
        node = made
        for part in path:
            node[part] = dict(node[part])
            node = node[part]
        if value is ...:
            node.pop(last, None)
        else:
            node[last] = value
    return made


def said(optim: str, **changed: Any) -> str:
    return "\n".join(map(str, problems(config(optim, **changed))))


CLIP = {"trainer__gradient_clip_val": 1.0}
COSINE = {"scheduler": {"_target_": "lossbook.optim.schedules.Cosine"}, "choices__scheduler": "cosine"}
OTHER = {"_target_": "torch.optim.Adam", "lr": 0.1}


def rules(*each: dict[str, Any]) -> dict[str, Any]:
    return {"param_groups__rules": list(each)}


# option; changes; fragments of the error (given, rule, fix); the changes of the fix
REFUSED: dict[str, tuple[str, dict[str, Any], tuple[str, str, str], dict[str, Any]]] = {
    "schedule": (
        "rprop", COSINE,
        ("scheduler=cosine with optim=rprop", "Schedules have no effect on Rprop", "Fix: scheduler=none"),
        {"scheduler": {"_target_": None}},
    ),
    "accumulating": (
        "lbfgs", {"trainer__accumulate_grad_batches": 4},
        ("accumulate_grad_batches=4 with optim=lbfgs", "these gradients would add up", "batches=1"),
        {"trainer__accumulate_grad_batches": 1},
    ),
    "half precision": (
        "lbfgs", {"trainer__precision": "16-mixed"},
        ("precision=16-mixed with optim=lbfgs", "gradient scaler", "trainer.precision=bf16-mixed"),
        {"trainer__precision": "bf16-mixed"},
    ),
    "clipping": (
        "lbfgs", CLIP,
        ("gradient_clip_val=1.0 with optim=lbfgs", "makes the comparison wrong", "trainer.gradient_clip_val=null"),
        {"trainer__gradient_clip_val": None},
    ),
    "processes": (
        "lbfgs", {"trainer__devices": 2},
        ("trainer.devices=2 with optim=lbfgs", "each process's own loss", "trainer.devices=1"),
        {"trainer__devices": 1},
    ),
    "listed processes": (
        "lbfgs", {"trainer__devices": [0, 1]},
        ("trainer.devices=[0,1] with optim=lbfgs", "their weights would differ", "trainer.devices=1"),
        {"trainer__devices": [1]},
    ),
    "nodes": (
        "lbfgs", {"trainer__num_nodes": 2},
        ("trainer.num_nodes=2 with optim=lbfgs", "their weights would differ", "trainer.num_nodes=1"),
        {"trainer__num_nodes": 1},
    ),
    "groups": (
        "lbfgs", rules({"match": "model.*", "lr": 0.1}),
        ("{match: model.*} in param_groups.rules sets lr with optim=lbfgs", "one group", "freeze: true"),
        rules({"match": "model.*", "freeze": True}),
    ),
    "stages without groups": (
        "lbfgs", rules({"part": "backbone", "freeze": True, "until_epoch": 3}),
        ("{part: backbone} in param_groups.rules sets until_epoch", "from the first step", "freeze: true"),
        rules({"part": "backbone", "freeze": True}),
    ),
    "preset without groups": (
        "lbfgs", {"param_groups__preset": [{"layer_decay": 0.7}], "choices__param_groups": "layer_decay"},
        ("param_groups=layer_decay with optim=lbfgs", "LBFGS takes all parameters as one group", "param_groups=all"),
        {"param_groups__preset": []},
    ),
    "fused and foreach": (
        "adam", {"optim__fused": True, "optim__foreach": True},
        ("optim.fused=true with optim.foreach=true", "not both", "optim.foreach=null"),
        {"optim__foreach": None},
    ),
    "differentiable": (
        "sgd", {"optim__differentiable": True},
        ("optim.differentiable=true", "torch raises an error", "optim.differentiable=false"),
        {"optim__differentiable": False},
    ),
    "capturable": (
        "nadam", {"optim__capturable": True, "trainer__accelerator": "cpu"},
        ("optim.capturable=true with trainer.accelerator=cpu", "only on a GPU", "optim.capturable=false"),
        {"optim__capturable": False},
    ),
    "of the rest": (
        "muon", {"optim__rest__fused": True, "optim__rest__foreach": True},
        ("optim.rest.fused=true with optim.rest.foreach=true", "not both", "optim.rest.foreach=null"),
        {"optim__rest__foreach": None},
    ),
    "fused, scaled and clipped": (
        "adamw", {**CLIP, "optim__fused": True, "trainer__precision": "16-mixed"},
        ("optim.fused=true with trainer.precision=16-mixed", "too late for clipping", "optim.fused=null"),
        {"optim__fused": None},
    ),
    "sparse gradients": (
        "adam", {"model__sparse": True},
        ("optim=adam with model.sparse=true", "Adam does not support sparse gradients", "or model.sparse=false"),
        {"model__sparse": False},
    ),
    "sparse and fused": (
        "sgd", {"model__sparse": True, "optim__fused": True},
        ("optim.fused=true with model.sparse=true", "Its fused kernel does not support", "optim.fused=null"),
        {"optim__fused": None},
    ),
    "sparse and weight decay": (
        "adagrad", {"model__sparse": True, "optim__weight_decay": 0.1},
        ("optim.weight_decay=0.1 with model.sparse", "Weight decay of Adagrad does not", "optim.weight_decay=0"),
        {"optim__weight_decay": 0.0},
    ),
    "sparse and clipped by value": (
        "sparse_adam", {**CLIP, "trainer__gradient_clip_algorithm": "value"},
        ("gradient_clip_algorithm=value with model.sparse", "only by norm", "algorithm=norm"),
        {"trainer__gradient_clip_algorithm": "norm"},
    ),
    "sparse only": (
        "sparse_adam", {"model__sparse": False, "choices__model": "cnn"},
        ("optim=sparse_adam with model=cnn", "only trains embeddings", "or data=digit_tokens"),
        {"model__sparse": True},
    ),
    "no rest": (
        "muon", {"optim__rest": ...},
        ("optim=muon without optim.rest", "only trains two-dimensional weights", "+optim.rest='{_target_: "),
        {"optim__rest": OTHER},
    ),
    "no rest beside sparse": (
        "sparse_adam", {"optim__rest": None},
        ("optim=sparse_adam without optim.rest", "only trains weights with sparse gradients", "+optim.rest="),
        {"optim__rest": OTHER},
    ),
    "rest of nothing": (
        "adam", {"optim__rest": OTHER},
        ("optim.rest with optim=adam", "Adam trains every parameter", "~optim.rest"), {"optim__rest": ...},
    ),
    "rest that takes not all": (
        "muon", {"optim__rest": {"_target_": "torch.optim.LBFGS"}},
        ("optim.rest._target_=torch.optim.LBFGS", "must support all parameters", "optim=muon"),
        {"optim__rest": OTHER},
    ),
    "rest beside a stranger": (
        "adam", {"optim___target_": "someones.Lion", "optim__rest": OTHER},
        ("optim.rest with optim=adam", "It is unknown which parameters Lion would leave", "~optim.rest"),
        {"optim__rest": ...},
    ),
    "rest that averages": (
        "muon", {"optim__rest": {"_target_": "torch.optim.ASGD", "lr": 0.1}},
        ("optim.rest._target_=torch.optim.ASGD", "keep no averages", "optim=muon"), {"optim__rest": OTHER},
    ),
    "rest that is no node": (
        "muon", {"optim__rest": "adam"},
        ("optim.rest=adam", "a second optimizer", "optim.rest._target_=torch.optim.AdamW"), {"optim__rest": OTHER},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_reason_and_fix_and_the_fix_is_accepted(case: str) -> None:
    optim, changed, texts, fix = REFUSED[case]
    found = problems(config(optim, **changed))
    assert len(found) == 1
    for text in texts:
        assert text in str(found[0])
    assert len(str(found[0]).splitlines()) <= 4
    assert said(optim, **{**changed, **fix}) == ""


def test_all_is_said_at_once() -> None:
    text = said("lbfgs", **CLIP, trainer__accumulate_grad_batches=2, trainer__precision="16-mixed")
    assert [word in text for word in ("clip_val", "accumulate", "precision")] == [True] * 3


@pytest.mark.parametrize(
    ("optim", "changed"),
    [
        ("lbfgs", {"param_groups__preset": [{"vectors": True, "weight_decay": 0.0, "name": "no_decay"}]}),
        ("lbfgs", {"model__sparse": True}),
        ("lbfgs", {"trainer__devices": "auto"}),
        ("adam", {"trainer__devices": 4, "trainer__num_nodes": 2}),
        ("rprop", {"data__batch_size": 64}),
        ("sgd", {"model__sparse": True, "optim__momentum": 0.9, "optim__maximize": True, **CLIP}),
        ("sgd", {"model__sparse": True, "optim__weight_decay": 0.1, **rules({"match": "*", "weight_decay": 0.0})}),
        ("adam", {"optim__capturable": True, "optim__fused": True, "trainer__accelerator": "gpu"}),
        ("adam", {**CLIP, "trainer__precision": "16-mixed"}),
        ("muon", {**CLIP, "trainer__precision": "16-mixed", "optim__rest__fused": True}),
        ("adam", {"optim___target_": "someones.Adan", "optim__betas": [0.9, 0.9, 0.9], "model__sparse": True}),
        ("adam", {"optim___target_": "someones.Lion", "optim__fused": True, "optim__foreach": True}),
        ("sparse_adam", {"model": {"_target_": "my.Network"}}),
    ],
)
def test_what_can_be_is_let_pass(optim: str, changed: dict[str, Any]) -> None:
    assert said(optim, **changed) == ""


@pytest.mark.parametrize(
    ("model", "optim", "sparse"),
    [
        ({"_target_": "lossbook.models.bag.Bag", "sparse": True}, "torch.optim.SGD", True),
        ({"_target_": "lossbook.models.bag.Bag", "sparse": False}, "torch.optim.SparseAdam", False),
        ({"_target_": "lossbook.models.bag.Bag", "sparse": None}, "torch.optim.SparseAdam", True),
        ({"_target_": "lossbook.models.bag.Bag", "sparse": None}, "torch.optim.SGD", False),
        ({"_target_": "lossbook.models.cnn.CNN"}, "torch.optim.SGD", False),
        ({"_target_": "my.Network"}, "torch.optim.SGD", None),
    ],
)
def test_whether_gradients_are_sparse(model: dict[str, Any], optim: str, sparse: bool | None) -> None:
    assert sparse_gradients({"model": model, "optim": {"_target_": optim}}) is sparse


def test_a_run_says_where_it_feeds_mini_batches_to_what_wants_all_data() -> None:
    (rprop,) = notes(config("rprop", data__batch_size=64))
    assert "batches of 64 the signs of their gradients change by chance" in rprop
    (lbfgs,) = notes(config("lbfgs", data__batch_size=64))
    assert "curvature" in lbfgs
    assert notes(config("rprop")) == notes(config("adam")) == []


def test_the_checks_need_no_torch() -> None:
    code = "import sys, lossbook.optim.checks; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
