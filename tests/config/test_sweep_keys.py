"""``sweep.timeout`` and its like: read, checked, and handed to Hydra's sweeper."""

from __future__ import annotations

from pathlib import Path

import pytest

from lossbook.config.options import Options, conf_folder
from lossbook.config.sweep_keys import alone, brings_a_sweep, for_hydra, options_before, taken
from lossbook.errors import UserError
from lossbook.sweeps.plan import SweepJob, SweepPlan


def test_they_are_told_from_the_others() -> None:
    values, others = taken(["loss=mse,l1", "sweep.timeout=60", "sweep.on_error=stop", "seed=1"])
    assert values == {"timeout": "60", "on_error": "stop"}
    assert others == ["loss=mse,l1", "seed=1"]
    assert for_hydra(values, others) == [*others, "hydra.sweeper.timeout=60", "hydra.sweeper.on_error=stop"]


@pytest.mark.parametrize(
    ("given", "fix"),
    [
        ("sweep.timeot=60", "sweep.timeout=600"),
        ("sweep.timeout=-1", "sweep.timeout=600"),
        ("sweep.timeout=nan", "sweep.timeout=600"),
        ("sweep.timeout=soon", "sweep.timeout=600"),
        ("sweep.timeout=", "sweep.timeout=600"),
        ("sweep.on_error=ignore", "sweep.on_error=stop"),
        ("sweep.retry=yes", "sweep.retry=true"),
        ("sweep.resume=", "sweep.resume=outputs"),
    ],
)
def test_a_mistake_is_told_with_its_fix(given: str, fix: str) -> None:
    with pytest.raises(UserError) as caught:
        taken([given])
    assert caught.value.problems[0].given == given
    assert caught.value.problems[0].fix.startswith(fix)


def test_retry_without_a_sweep_to_go_on_with_has_no_effect_and_is_refused() -> None:
    with pytest.raises(UserError, match=r"sweep\.resume"):
        for_hydra({"retry": "true"}, ["seed=0,1"])


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    arguments = ("loss=mse,l1", "seed=0,1", "hydra/launcher=joblib", "hydra.sweep.dir=elsewhere")
    jobs = (SweepJob(0, "", ("loss=mse",)),)
    SweepPlan(("train.py",), arguments, (), str(Path.cwd()), ("loss", "seed"), jobs).write(tmp_path)
    return tmp_path


@pytest.mark.parametrize("given", [[], ["loss=mse,l1", "seed=0,1"]])
def test_a_sweep_goes_on_with_its_own_arguments(begun: Path, given: list[str]) -> None:
    assert for_hydra({"resume": str(begun)}, given) == [
        "loss=mse,l1",
        "seed=0,1",
        "hydra/launcher=joblib",
        f"hydra.sweep.dir='{begun}'",
        f"hydra.sweeper.resume='{begun}'",
    ]


def test_the_options_of_ones_own_come_along_and_are_not_changed(begun: Path) -> None:
    assert options_before({"resume": str(begun)}, None) is None
    with pytest.raises(UserError, match="The sweep was started with none"):
        options_before({"resume": str(begun)}, "mine")
    SweepPlan(("train.py",), (), ("/mine",), "/", (), ()).write(begun)
    assert options_before({"resume": str(begun)}, None) == "/mine"
    assert options_before({"resume": str(begun)}, "/mine") == "/mine"
    with pytest.raises(UserError, match="The sweep was started with /mine"):
        options_before({"resume": str(begun)}, "/other")
    assert options_before({}, "mine") == "mine"


def test_it_may_go_on_with_another_launcher(begun: Path) -> None:
    found = for_hydra({"resume": str(begun), "retry": "true"}, ["hydra/launcher=basic"])
    assert "hydra/launcher=basic" in found
    assert "hydra/launcher=joblib" not in found
    assert found[-1] == "hydra.sweeper.retry=true"


def test_how_it_was_run_is_kept_unless_it_is_said_anew(begun: Path) -> None:
    command = ("train.py", "-m", "seed=0,1", "sweep.timeout=60", "sweep.on_error=stop")
    SweepPlan(command, ("seed=0,1",), (), str(Path.cwd()), (), ()).write(begun)
    found = for_hydra({"resume": str(begun), "timeout": "90"}, [])
    assert "hydra.sweeper.timeout=90" in found
    assert "hydra.sweeper.on_error=stop" in found


def test_it_goes_on_where_it_was_begun(begun: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = Path.cwd()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=f"It was started in {before}"):
        for_hydra({"resume": str(begun)}, [])


def test_what_is_given_takes_the_place_of_what_was(begun: Path) -> None:
    found = for_hydra({"resume": str(begun)}, ["seed=0,1,2", "model=mlp", "hydra.launcher.n_jobs=3"])
    assert found[:5] == ["loss=mse,l1", "seed=0,1,2", "model=mlp", "hydra/launcher=joblib", "hydra.launcher.n_jobs=3"]


def test_its_folder_is_its_own(begun: Path) -> None:
    with pytest.raises(UserError, match="has its folder"):
        for_hydra({"resume": str(begun)}, ["hydra.sweep.dir=other"])


def test_a_recipe_that_is_a_sweep_is_known_and_its_jobs_are_single_runs() -> None:
    options = Options([conf_folder()])
    assert brings_a_sweep(["seed=1", "experiment=lr_sweep"], options) == "experiment=lr_sweep"
    assert brings_a_sweep(["experiment=read_lines", "optim=adam"], options) is None
    assert brings_a_sweep(["experiment=unheard_of"], options) is None
    assert alone(["experiment=lr_sweep", "optim.lr=0.1"]) == ["experiment=lr_sweep", "optim.lr=0.1", "hydra.mode=RUN"]
    assert alone(["optim.lr=0.1"]) == ["optim.lr=0.1"]


def test_the_quotes_of_hydras_grammar_may_stand_around_a_folder(begun: Path) -> None:
    assert taken([f"sweep.resume='{begun}'"])[0] == {"resume": str(begun)}
