"""Every combination of the values; what is none, or has no end, is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path

from lossbook.config.options import Options, conf_folder
from lossbook.errors import UserError
from lossbook.sweeps.expansion import expand_jobs


@pytest.fixture
def expand() -> Callable[..., list[list[str]]]:
    """The jobs of arguments, and of a recipe as keywords with ``__`` for a dot."""
    loader = ConfigLoaderImpl(create_config_search_path(str(conf_folder())))

    def expand(*arguments: str, **recipe: Any) -> list[list[str]]:
        values = {key.replace("__", "."): value for key, value in recipe.items()}
        return expand_jobs(arguments, values, Options([conf_folder()]), loader)

    return expand


def test_every_combination_the_first_key_slowest(expand: Any) -> None:
    assert expand("loss=mse,l1", "data=digits", "seed=range(2)") == [
        [f"loss={loss}", "data=digits", f"seed={seed}"] for loss in ("mse", "l1") for seed in (0, 1)
    ]
    assert expand("data=digits") == [["data=digits"]]
    assert [job[0] for job in expand("loss=glob(multi*)")] == [
        "loss=multi_margin", "loss=multilabel_margin", "loss=multilabel_soft_margin",
    ]  # fmt: skip


def test_a_recipes_values_come_first_and_yield_to_those_that_are_typed(expand: Any) -> None:
    assert expand("seed=3", loss="mse,l1") == [["loss=mse", "seed=3"], ["loss=l1", "seed=3"]]
    assert expand("++optim.lr=0.5", optim__lr="0.1,0.2", seed="1,2") == [
        ["seed=1", "++optim.lr=0.5"], ["seed=2", "++optim.lr=0.5"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["optim.lr=interval(0.1,1)"], "infinitely many values"),
        (["loss=glob(zzz*)"], r"No option or value matches(?s:.*)loss=glob\(\*\)"),
        (["optim.lr=0.1,0.2", "++optim.lr=0.3"], "in two ways"),
        (["experiment=lr_sweep,compare_losses"], "must run alone"),
        (["experiment=read_lines,lr_sweep"], "must run alone"),
    ],
)
def test_what_makes_no_jobs_is_refused(expand: Any, arguments: list[str], says: str) -> None:
    with pytest.raises(UserError, match=says):
        expand(*arguments)


def test_recipes_that_are_no_sweeps_may_be_compared(expand: Any, tmp_path: Path) -> None:
    assert expand("experiment=read_lines,count_digits") == [["experiment=read_lines"], ["experiment=count_digits"]]
