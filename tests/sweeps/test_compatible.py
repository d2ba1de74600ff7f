"""What a contract refuses is left out with its reason; what is mistaken everywhere is a mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from lossbook.config.options import conf_folder
from lossbook.errors import UserError
from lossbook.records.sweep import SweepJob
from lossbook.sweeps.compatible import with_refusals

CONF = [conf_folder()]


def marked(*overrides: str) -> list[str | None]:
    jobs = [SweepJob(number, one, tuple(one.split())) for number, one in enumerate(overrides)]
    return [job.refused for job in with_refusals(jobs, CONF)]


def test_a_pairing_that_the_contract_refuses_has_the_reason() -> None:
    fits, shut = marked("loss=mse data=digits", "loss=ctc data=digits")
    assert fits is None
    assert shut is not None
    assert shut.startswith("loss=ctc with data=digits")
    assert "Fix: data=digit_lines" in shut


def test_what_an_optimizer_does_not_have_is_a_matter_of_pairing() -> None:
    fits, shut = marked("optim=sgd optim.momentum=0.5", "optim=adam optim.momentum=0.5")
    assert fits is None
    assert shut is not None
    assert "optim.momentum" in shut


@pytest.mark.parametrize(
    "mistake",
    ["loss=crossentropy", "optim.lrr=1", "optim.lr=abc", "seed=one", "data=mnist data.rot=x"],
)
def test_what_is_wrong_wherever_it_stands_ends_the_sweep(mistake: str) -> None:
    with pytest.raises(UserError) as caught:
        marked("loss=mse seed=3", mistake)
    assert caught.value.problems[0].given.startswith(mistake.split()[-1])


def test_the_same_mistake_in_all_jobs_is_told_once() -> None:
    with pytest.raises(UserError) as caught:
        marked("loss=ctc data=digits seed=1", "loss=ctc data=digits seed=2")
    assert str(caught.value).startswith("loss=ctc with data=digits")
    assert len(str(caught.value).splitlines()) == 3


def test_several_reasons_for_no_job_at_all_are_told_in_short() -> None:
    with pytest.raises(UserError) as caught:
        marked("loss=ctc data=digits", "loss=info_nce data=digits")
    assert str(caught.value).startswith("None of these 2 jobs fits together.")
    assert "ctc takes targets of the kind text" in str(caught.value)


def test_an_option_of_the_users_own(tmp_path: Path) -> None:
    (tmp_path / "loss").mkdir()
    (tmp_path / "loss" / "mine.yaml").write_text(
        "criterion: {_target_: torch.nn.functional.mse_loss}\naccepts: {value: standardised}\n"
    )
    jobs = [SweepJob(0, "", ("loss=mine", "data=diabetes")), SweepJob(1, "", ("loss=mine", "data=digits"))]
    assert [job.refused is None for job in with_refusals(jobs, [*CONF, tmp_path])] == [True, False]
