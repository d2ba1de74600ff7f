"""Hydra sees arguments of ours, and within a job all is as the user called it."""

from __future__ import annotations

import os
import sys

import pytest

from lossbook.config.as_called import for_hydra


@pytest.mark.parametrize("asked", [None, "0"])
def test_arguments_and_errors_are_hydras_and_within_a_job_the_users(
    asked: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", "loss=mse"])
    if asked is None:
        monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    else:
        monkeypatch.setenv("HYDRA_FULL_ERROR", asked)
    stream = sys.stderr

    def as_the_user_called() -> bool:
        return (sys.argv, os.environ.get("HYDRA_FULL_ERROR"), sys.stderr) == (["train.py", "loss=mse"], asked, stream)

    def hydra() -> None:
        with for_hydra(["lossbook", "seed=1"]) as as_called:
            assert (sys.argv, os.environ["HYDRA_FULL_ERROR"]) == (["lossbook", "seed=1"], "1")
            with as_called():
                assert as_the_user_called()
            assert sys.argv == ["lossbook", "seed=1"]
            sys.stderr.write("Error executing job with overrides: [...]")  # which we word ourselves
            sys.stderr.write("something else")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        hydra()
    assert as_the_user_called()
    assert capsys.readouterr().err == "something else"
