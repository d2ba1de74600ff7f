"""Flags may stand anywhere; those that do nothing are refused (in test_command.py, with their fixes)."""

from __future__ import annotations

from pathlib import Path

import pytest

from lossbook.config.flags import only_shows, read_flags, repeated
from lossbook.errors import UserError


def test_flags_are_separated_from_overrides_wherever_they_stand(tmp_path: Path) -> None:
    flags, overrides = read_flags(["loss=mse", "-m", "seed=1,2", "--config-dir", str(tmp_path)])
    assert overrides == ["loss=mse", "seed=1,2"]
    assert (flags.multirun, only_shows(flags)) == (True, False)
    assert repeated(flags) == [f"--config-dir={tmp_path}"]


@pytest.mark.parametrize("flag", ["--help", "--hydra-help", "--cfg=hydra", "--info=searchpath", "-sc"])
def test_flags_that_only_show_something(flag: str) -> None:
    assert only_shows(read_flags([flag])[0])


def test_a_misspelt_flag_is_answered_with_the_nearest() -> None:
    with pytest.raises(UserError) as caught:
        read_flags(["--multrun"])
    assert caught.value.problems[0].fix == "--multirun"
