from __future__ import annotations

import pytest

import lossbook
from lossbook.config.check import check
from lossbook.config.other_class import left_over
from lossbook.config.resolve import plain
from lossbook.errors import UserError


def test_what_an_option_states_for_its_own_class_is_not_left_over() -> None:
    assert left_over(plain(lossbook.compose("model=mlp", "model.hidden=[3]"))) == frozenset()


def test_what_it_states_for_another_class_is_unless_it_was_changed() -> None:
    found = left_over(plain(lossbook.compose("model=mlp", "model._target_=my.Net", "model.hidden=[3]")))
    assert {"batch_norm", "dropout", "takes", "gives"} <= found
    assert not found & {"hidden", "_target_"}


def test_a_class_of_the_users_own_may_take_and_give_anything() -> None:
    check(plain(lossbook.compose("data=scene_masks", "model=cnn", "model._target_=my.Net")))
    with pytest.raises(UserError, match="dense outputs"):
        check(plain(lossbook.compose("data=scene_masks", "model=cnn")))


def test_an_argument_of_its_own_is_added() -> None:
    with pytest.raises(UserError, match=r"Fix: \+model\.width=4"):
        lossbook.compose("model._target_=my.Net", "model.width=4")
