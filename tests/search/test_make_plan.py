from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lossbook.config.options import conf_folder
from lossbook.errors import UserError
from lossbook.search.command import OPTIONS
from lossbook.search.make_plan import make_plan
from lossbook.search.plan import SearchPlan

Planned = Callable[..., SearchPlan]


def test_a_plan_knows_what_varies_what_is_fixed_and_what_it_looks_for(planned: Planned) -> None:
    plan = planned("seed=3", "optim=adam,sgd", "optim.lr=interval(1e-4,1e-1)", "model.hidden=interval(16,512)")
    assert plan.fixed == ("seed=3",)
    assert [one.name for one in plan.parameters] == ["optim", "optim.lr", "model.hidden"]
    assert [one.whole for one in plan.parameters] == [False, False, True]
    assert (plan.primary, plan.epochs) == (("val/acc", "max"), 30)
    assert plan.overrides({"optim": "sgd", "optim.lr": 0.1, "model.hidden": 32}) == [
        "seed=3", "optim=sgd", "optim.lr=0.1", "model.hidden=32",
    ]  # fmt: skip


def test_errors_are_looked_for_at_their_smallest(planned: Planned) -> None:
    assert planned("loss=ctc", "optim.lr=1e-3,1e-2").primary[0] == "val/acc"
    plan = planned("loss=mse", "data=diabetes", "loss.primary.value=mae", "optim.lr=1e-3,1e-2")
    assert plan.primary == ("val/mae", "min")


def test_a_key_that_one_optimizer_has_is_searched_there(planned: Planned) -> None:
    plan = planned("optim=adam,sgd,rmsprop", "optim.momentum=interval(0,0.9)", "optim.betas=[0.9,0.99],[0.8,0.99]")
    assert plan.parameters[1].only == ("optim", ("sgd", "rmsprop"))
    assert plan.parameters[2].only == ("optim", ("adam",))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["optim.lr=0.1"], "needs a key to vary"),
        ([], "needs a key to vary"),
        (["seed=0,1"], "luck"),
        (["data.limit=100,200"], "different validation samples"),
        (["data.source.seed=0,1"], "different validation samples"),
        (["trainer.limit_val_batches=1,2"], "different validation samples"),
        (["data=csv", "loss=mse", "data.root=x", "data.target_columns=[a],[b]"], "different validation samples"),
        (["scheduler=step", "scheduler.step_size=interval(1,10)"], "whole number"),
        (["optim.lr=1,2", "optim.lr=0.1"], "given twice"),
        (["optim.lrr=interval(0,1)"], "There is no key optim.lrr"),
        (["optim=adam,sdg"], "There is no optim sdg"),
        (["optim=adam,sgd", "optim.momentum=0.9"], "There is no key optim.momentum"),
        (["optim.lr=fast,slow"], "must have the type of its default"),
        (["loss.criterion.label_smoothing=interval(0,1)"], "1 leaves nothing of the target"),
        (["loss=cross_entropy,mse,triplet_margin", "data=digits"], "triplet_margin watches recall_at_1"),
        (["loss=cross_entropy,mse"], "Fix: data=digits for all of them"),
        (["data=digits,breast_cancer", "model=mlp"], "trains on"),
        (["loss=ctc,mse", "data=digits"], None),
        (["data.batch_size=fast,slow"], "must have the type"),
    ],
)
def test_what_is_no_search_is_refused_before_anything_is_written(
    planned: Planned, arguments: list[str], says: str | None
) -> None:
    if says is None:  # what does not fit the data is left out, and the rest is searched
        assert planned(*arguments).parameters[0].choices == ("mse",)
        return
    with pytest.raises(UserError, match=says):
        planned(*arguments)


def test_recipes_with_other_samples_do_not_compare(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    for limit in (64, 256):
        (tmp_path / f"experiment/lim{limit}.yaml").write_text(f"# @package _global_\ndata: {{limit: {limit}}}\n")
    arguments = ["experiment=lim64,lim256", "optim.lr=0.1,0.2"]
    with pytest.raises(UserError, match=r"lim64 trains on data.limit=64, experiment=lim256 trains on data.limit=256"):
        make_plan(arguments, [conf_folder(), tmp_path], OPTIONS, ["search.py"])


def test_losses_that_compare_are_named(planned: Planned) -> None:
    with pytest.raises(UserError, match=r"loss=cross_entropy,mse$"):
        planned("loss=cross_entropy,triplet_margin,mse", "data=digits")


def test_losses_decide_among_trials_of_the_same_one(planned: Planned) -> None:
    plan = planned("loss=cross_entropy,mse", "data=digits", "optim.lr=1,2")
    one, two = ({"loss": "mse", "optim.lr": rate} for rate in "12")
    assert plan.criterion(one) == plan.criterion(two) == "loss=mse"
    smoothed = planned("loss.criterion.label_smoothing=0,0.1")
    assert smoothed.criterion({"loss.criterion.label_smoothing": "0"}) == "loss.criterion.label_smoothing=0"
    assert planned("data.batch_size=32,64").criterion({"data.batch_size": "32"}) == ""


def test_where_a_batch_is_compared_with_itself_its_size_changes_the_loss(planned: Planned) -> None:
    plan = planned("loss=info_nce", "data.batch_size=32,64")
    assert (plan.primary[0], plan.criterion({"data.batch_size": "32"})) == ("val/recall_at_1", "data.batch_size=32")
    assert planned("loss=triplet_margin", "data.batch_size=32,64").in_batch


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["trainer.limit_val_batches=2"], r"trainer.limit_val_batches=2 counts batches"),
        (["trainer.limit_val_batches=0.5"], r"trainer.limit_val_batches=0.5 counts batches"),
        (["trainer=overfit"], r"trainer.overfit_batches=\d+ counts batches"),
        (["trainer.limit_val_batches=1.0"], None),
        (["loss=info_nce", "loss.primary.class=top1"], "compares the samples of a batch"),
        (["loss=triplet_margin", "loss.primary.class=loss"], "compares the samples of a batch"),
        (["loss.primary.class=loss"], None),
    ],
)
def test_the_batch_size_is_not_searched_where_validation_depends_on_it(
    planned: Planned, arguments: list[str], says: str | None
) -> None:
    if says is None:
        assert planned(*arguments, "data.batch_size=32,64").parameters[0].name == "data.batch_size"
        return
    with pytest.raises(UserError, match=says):
        planned(*arguments, "data.batch_size=32,64")
