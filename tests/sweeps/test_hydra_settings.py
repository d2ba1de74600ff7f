"""What would have no effect in a sweep is refused, however it is spelled."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hydra_plugins.hydra_joblib_launcher.config import JobLibLauncherConf

from lossbook.errors import UserError
from lossbook.sweeps.hydra_settings import refuse_ineffective


class Settings(SimpleNamespace):
    def __getitem__(self, key: str) -> Any:
        return getattr(self, key)


def hydra(searchpath: tuple[str, ...] = (), env_set: Any = None, **launcher: Any) -> Settings:
    job = Settings(env_set=env_set or {})
    return Settings(searchpath=searchpath, job=job, launcher=Settings(**{**vars(JobLibLauncherConf()), **launcher}))


def test_what_counts_passes() -> None:
    refuse_ineffective(["-m", "loss=mse,l1", "hydra.sweep.dir=x", "hydra/launcher=joblib"], hydra(n_jobs=3))


@pytest.mark.parametrize(
    "typed",
    [
        "hydra.sweep.subdir=b", "++hydra.sweep.subdir=b", "hydra.run.dir=b", "hydra.output_subdir=null",
        "hydra.job.chdir=true", "hydra.job.env_set.A=b", "+hydra.job.env_set.A=b", "hydra.job.env_copy=[HOME]",
    ],
)  # fmt: skip
def test_what_is_typed_in_vain_is_named_as_it_was_typed(typed: str) -> None:
    with pytest.raises(UserError) as refused:
        refuse_ineffective(["-m", typed], hydra())
    assert refused.value.problems[0].given == typed
    assert refused.value.problems[0].fix


def test_a_launchers_settings_and_search_paths() -> None:
    with pytest.raises(UserError, match=r"backend=threading(?s:.*)only n_jobs has an effect"):
        refuse_ineffective([], hydra(backend="threading"))
    with pytest.raises(UserError, match=r"timeout=3(?s:.*)sweep.timeout=SECONDS"):
        refuse_ineffective([], hydra(timeout=3))
    with pytest.raises(UserError, match="--config-dir"):
        refuse_ineffective([], hydra(searchpath=("file:///mine",)))


def test_what_a_recipe_sets_in_the_environment_is_refused_as_well() -> None:
    with pytest.raises(UserError, match=r"env_set=\{'A': 'b'\}(?s:.*)in the shell"):
        refuse_ineffective(["experiment=mine"], hydra(env_set={"A": "b"}))
