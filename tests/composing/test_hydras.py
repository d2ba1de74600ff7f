"""Hydra's part of composing."""

from __future__ import annotations

from hydra.core.global_hydra import GlobalHydra
from hydra.version import VersionBase

from lossbook.composing.hydras import with_hydra
from lossbook.composing.options import conf_folder


def test_values_and_choices_with_interpolations_left_as_they_are() -> None:
    values, choices = with_hydra(["loss=ctc", "optim.lr=0.5"], [conf_folder()])
    assert choices["data"] == "digit_lines"
    assert values["optim"]["lr"] == 0.5
    assert values["data"]["source"]["seed"] == "${data.seed}"


def test_hydras_global_state_is_left_as_it_was() -> None:
    before = VersionBase.instance().version_base
    with_hydra([], [conf_folder()])
    assert VersionBase.instance().version_base == before
    assert not GlobalHydra.instance().is_initialized()
