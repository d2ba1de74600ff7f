"""A sweep's plan: names that say what varied, and a file that is whole or not there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lossbook.errors import UserError
from lossbook.sweeps.allowed import configs
from lossbook.sweeps.plan import FILE, Job, Plan, named, refuse_elsewhere, refused


def plan(*jobs: Job) -> Plan:
    return Plan(("scripts/train.py", "-m", "seed=0,1"), ("seed=0,1",), (), "/", ("seed",), jobs)


def test_names_hold_what_differs_in_the_order_of_the_command() -> None:
    expanded = [[f"loss={loss}", "data=digits", f"seed={seed}"] for loss in ("mse", "l1") for seed in (0, 1)]
    varied, jobs = named(expanded)
    assert varied == ["loss", "seed"]
    assert [job.name for job in jobs] == ["loss=mse,seed=0", "loss=mse,seed=1", "loss=l1,seed=0", "loss=l1,seed=1"]
    assert [job.number for job in jobs] == [0, 1, 2, 3]
    assert jobs[2].overrides == ("loss=l1", "data=digits", "seed=0")


def test_the_same_job_twice_is_a_mistake() -> None:
    with pytest.raises(UserError, match="Two jobs of the sweep would be this one"):
        named([["loss=mse", "seed=1"], ["loss=mse", "seed=2"], ["loss=mse", "seed=1"]])


def test_a_single_job_has_no_name() -> None:
    assert named([["loss=mse"]]) == ([], [Job(0, "", ("loss=mse",))])


def test_an_added_key_is_named_by_itself() -> None:
    varied, jobs = named([["+a.b=1"], ["+a.b=2"]])
    assert (varied, jobs[0].name) == (["a.b"], "a.b=1")


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = plan(Job(0, "seed=0", ("seed=0",)), refused(Job(1, "seed=1", ("seed=1",)), "no\n  reason"))
    written.write(tmp_path)
    assert Plan.read(tmp_path) == written
    assert [job.number for job in written.allowed] == [0]
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_it_grows_by_jobs_behind_its_own() -> None:
    begun = Plan(
        ("train.py", "-m", "--config-dir=mine", "seed=0,1", "hydra/launcher=joblib"),
        ("seed=0,1", "hydra/launcher=joblib"), (), "/", ("seed",),
        (Job(0, "seed=0", ("seed=0",)), Job(1, "seed=1", ("seed=1",), "refused")),
    )  # fmt: skip
    jobs = [Job(at, f"seed={seed}", (f"seed={seed}",)) for at, seed in enumerate((2, 1, 0))]
    asked = Plan(("train.py", "sweep.resume=x", "seed=2,1,0"), ("seed=2,1,0",), (), "/", ("seed",), tuple(jobs))
    grown = begun.grown(asked, configs)
    assert grown.jobs == (*begun.jobs, Job(2, "seed=2", ("seed=2",)))
    assert grown.command == ("train.py", "-m", "--config-dir=mine", "seed=2,1,0", "hydra/launcher=joblib")
    assert grown.arguments == ("seed=2,1,0", "hydra/launcher=joblib")
    with pytest.raises(UserError, match=r"Without seed=2\.(?s:.*)none is changed(?s:.*)Fix: seed=0,1,2, or"):
        grown.grown(begun, configs)
    other = replace(asked, jobs=tuple(replace(job, overrides=(*job.overrides, "optim.lr=0.1")) for job in jobs))
    with pytest.raises(
        UserError, match=r"Without seed=0, seed=1, seed=2\.(?s:.*)Fix: seed=0,1,2 optim\.lr=0\.003,0\.1, or"
    ):
        grown.grown(other, configs)


def test_what_it_left_at_the_default_counts_as_that_value() -> None:
    losses = [Job(at, f"loss={loss}", (f"loss={loss}", "data=digits")) for at, loss in enumerate(("mse", "nll"))]
    begun = Plan(("train.py", "-m"), ("loss=mse,nll", "data=digits"), (), "/", ("loss",), tuple(losses))
    expanded = [[f"loss={loss}", "data=digits", f"seed={seed}"] for loss in ("mse", "nll") for seed in (0, 1)]
    varied, jobs = named(expanded)
    asked = Plan(("train.py",), ("loss=mse,nll", "data=digits", "seed=0,1"), (), "/", tuple(varied), tuple(jobs))
    grown = begun.grown(asked, configs)
    assert [job.name for job in grown.jobs] == [
        "loss=mse,seed=0",
        "loss=nll,seed=0",
        "loss=mse,seed=1",
        "loss=nll,seed=1",
    ]
    assert grown.grown(asked, configs) == grown
    without = replace(asked, jobs=tuple(job for job in jobs if "seed=1" in job.overrides))
    with pytest.raises(UserError, match=r"Without loss=mse, loss=nll\.(?s:.*)Fix: loss=mse,nll seed=0,1, or"):
        begun.grown(without, configs)


def test_a_folder_without_one_is_refused_with_a_sweep_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "sweeps" / "one").mkdir(parents=True)
    plan().write(tmp_path / "sweeps" / "one")
    with pytest.raises(UserError, match=r"sweep\.resume=.*sweeps/one"):
        Plan.read(tmp_path / "sweeps" / "two")


def test_a_plan_of_another_version_is_refused(tmp_path: Path) -> None:
    plan().write(tmp_path)
    (tmp_path / FILE).write_text((tmp_path / FILE).read_text().replace('"version": 1', '"version": 2'))
    with pytest.raises(UserError, match="another version"):
        Plan.read(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"jobs": [{"number": 0}]}', '{"jobs": 3}', json.dumps({"version": 1, "jobs": []})]
)
def test_a_file_that_is_not_one_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(UserError, match="cannot be read"):
        Plan.read(tmp_path)


def test_it_goes_on_where_it_was_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tmp_path / "my code"
    before.mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as refusal:
        refuse_elsewhere(Path("found"), str(before), "sweep.resume")
    assert str(refusal.value).splitlines() == [
        f"sweep.resume=found in {tmp_path}.",
        f"  It was begun in {before}, where its paths and code of one's own are found.",
        f"  Fix: cd '{before}', and sweep.resume={tmp_path}/found",
    ]
    refuse_elsewhere(Path("found"), str(tmp_path), "sweep.resume")
    refuse_elsewhere(Path("found"), str(tmp_path / "gone"), "sweep.resume")
