from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lossbook.errors import UserError
from lossbook.search.command import OPTIONS
from lossbook.search.plan import SearchPlan, refuse_changed, refuse_other

Planned = Callable[..., SearchPlan]


def test_a_plan_comes_back_from_its_file_as_it_was(tmp_path: Path, planned: Planned) -> None:
    plan = planned("optim=adam,sgd", "optim.momentum=0.8,0.9", "optim.lr=interval(1e-4,1e-1)", seed=7)
    plan.write(tmp_path)
    assert SearchPlan.read(tmp_path) == plan
    assert (plan.seed, plan.cwd) == (7, str(Path.cwd()))


def test_a_plan_of_before_working_folders_were_noted_is_read(tmp_path: Path, planned: Planned) -> None:
    planned("optim.lr=1,2").write(tmp_path)
    kept = json.loads((tmp_path / "search.json").read_text())
    del kept["cwd"]
    (tmp_path / "search.json").write_text(json.dumps(kept))
    assert SearchPlan.read(tmp_path).cwd is None


def test_a_folder_without_a_plan_is_refused(tmp_path: Path, planned: Planned) -> None:
    planned("optim.lr=1,2").write(tmp_path / "other")
    with pytest.raises(UserError, match=r"holds no search.json(?s:.*)search.resume=\S*other"):
        SearchPlan.read(tmp_path / "there")
    (tmp_path / "search.json").write_text("{}")
    with pytest.raises(UserError, match="cannot be read"):
        SearchPlan.read(tmp_path)


def test_another_space_is_refused(planned: Planned) -> None:
    plan = planned("optim.lr=interval(1e-4,1e-1)", "model.dropout=0,0.5", "seed=1")
    refuse_other(plan, planned("seed=1", "model.dropout=0,0.5", "optim.lr=interval(1e-4,1e-1)"), Path("here"))
    for arguments, says in (
        (["optim.lr=interval(1e-3,1e-1)", "model.dropout=0,0.5", "seed=1"], "trials of the search were sampled from"),
        (["optim.lr=interval(1e-4,1e-1)", "seed=1"], "also varies model.dropout"),
        (["optim.lr=interval(1e-4,1e-1)", "model.dropout=0,0.5", "seed=2"], "trial so far has seed=1"),
        (["optim.lr=interval(1e-4,1e-1)", "model.dropout=0,0.5", "model.hidden=8,9", "seed=1"], "does not vary it"),
    ):
        with pytest.raises(UserError, match=says):
            refuse_other(plan, planned(*arguments), Path("here"))
    with pytest.raises(UserError, match=r"Fix: 'search.resume=my search' alone resumes it as it was"):
        refuse_other(plan, planned("optim.lr=interval(1e-4,1e-1)", "seed=1"), Path("my search"))


def test_a_search_keeps_its_sampler_its_pruner_and_its_seed(planned: Planned) -> None:
    plan = planned("optim.lr=1,2", sampler="random")
    refuse_changed(plan, OPTIONS, ["search.trials"])  # a default is no word of the user's
    with pytest.raises(UserError, match=r"was started with search.sampler=random"):
        refuse_changed(plan, OPTIONS, ["search.sampler"])
