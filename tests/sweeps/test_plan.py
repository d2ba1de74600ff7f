"""Jobs are named by what varies, and a sweep is extended by jobs behind its own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lossbook.errors import UserError
from lossbook.records.sweep import SweepJob, SweepPlan
from lossbook.sweeps.plan import extend, name_jobs


def test_names_hold_what_differs_in_the_order_of_the_command() -> None:
    expanded = [[f"loss={loss}", "data=digits", f"seed={seed}"] for loss in ("mse", "l1") for seed in (0, 1)]
    varied, jobs = name_jobs(expanded)
    assert varied == ["loss", "seed"]
    assert [job.name for job in jobs] == ["loss=mse,seed=0", "loss=mse,seed=1", "loss=l1,seed=0", "loss=l1,seed=1"]
    assert [job.number for job in jobs] == [0, 1, 2, 3]
    assert jobs[2].overrides == ("loss=l1", "data=digits", "seed=0")


def test_the_same_job_twice_is_a_mistake() -> None:
    with pytest.raises(UserError, match="Two jobs of the sweep would have these arguments"):
        name_jobs([["loss=mse", "seed=1"], ["loss=mse", "seed=2"], ["loss=mse", "seed=1"]])


def test_a_single_job_has_no_name() -> None:
    assert name_jobs([["loss=mse"]]) == ([], [SweepJob(0, "", ("loss=mse",))])


def test_an_added_key_is_named_by_itself() -> None:
    varied, jobs = name_jobs([["+a.b=1"], ["+a.b=2"]])
    assert (varied, jobs[0].name) == (["a.b"], "a.b=1")


def test_it_grows_by_jobs_behind_its_own() -> None:
    begun = SweepPlan(
        ("train.py", "-m", "--config-dir=mine", "seed=0,1", "hydra/launcher=joblib"),
        ("seed=0,1", "hydra/launcher=joblib"), (), "/", ("seed",),
        (SweepJob(0, "seed=0", ("seed=0",)), SweepJob(1, "seed=1", ("seed=1",), "refused")),
    )  # fmt: skip
    jobs = [SweepJob(at, f"seed={seed}", (f"seed={seed}",)) for at, seed in enumerate((2, 1, 0))]
    asked = SweepPlan(("train.py", "sweep.resume=x", "seed=2,1,0"), ("seed=2,1,0",), (), "/", ("seed",), tuple(jobs))
    grown = extend(begun, asked)
    assert grown.jobs == (*begun.jobs, SweepJob(2, "seed=2", ("seed=2",)))
    assert grown.command == ("train.py", "-m", "--config-dir=mine", "seed=2,1,0", "hydra/launcher=joblib")
    assert grown.arguments == ("seed=2,1,0", "hydra/launcher=joblib")
    with pytest.raises(UserError, match=r"Without seed=2\.(?s:.*)not removed(?s:.*)Fix: seed=0,1,2, or"):
        extend(grown, begun)
    other = replace(asked, jobs=tuple(replace(job, overrides=(*job.overrides, "optim.lr=0.1")) for job in jobs))
    with pytest.raises(
        UserError, match=r"Without seed=0, seed=1, seed=2\.(?s:.*)Fix: seed=0,1,2 optim\.lr=0\.003,0\.1, or"
    ):
        extend(grown, other)


def test_what_it_left_at_the_default_counts_as_that_value() -> None:
    losses = [SweepJob(at, f"loss={loss}", (f"loss={loss}", "data=digits")) for at, loss in enumerate(("mse", "nll"))]
    begun = SweepPlan(("train.py", "-m"), ("loss=mse,nll", "data=digits"), (), "/", ("loss",), tuple(losses))
    expanded = [[f"loss={loss}", "data=digits", f"seed={seed}"] for loss in ("mse", "nll") for seed in (0, 1)]
    varied, jobs = name_jobs(expanded)
    asked = SweepPlan(("train.py",), ("loss=mse,nll", "data=digits", "seed=0,1"), (), "/", tuple(varied), tuple(jobs))
    grown = extend(begun, asked)
    assert [job.name for job in grown.jobs] == [
        "loss=mse,seed=0",
        "loss=nll,seed=0",
        "loss=mse,seed=1",
        "loss=nll,seed=1",
    ]
    assert extend(grown, asked) == grown
    without = replace(asked, jobs=tuple(job for job in jobs if "seed=1" in job.overrides))
    with pytest.raises(UserError, match=r"Without loss=mse, loss=nll\.(?s:.*)Fix: loss=mse,nll seed=0,1, or"):
        extend(begun, without)
