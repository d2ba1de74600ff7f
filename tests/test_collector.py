"""The garbage collector is off for a while, and then as it was."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from lossbook.collector import paused_collector


@pytest.fixture(autouse=True)
def _collector() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


def test_it_is_off_within_and_on_again_after_an_error() -> None:
    with paused_collector():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ImportError), paused_collector():
        raise ImportError
    assert gc.isenabled()


def test_where_it_was_off_it_stays_off() -> None:
    gc.disable()
    with paused_collector():
        assert not gc.isenabled()
    assert not gc.isenabled()


def test_what_was_made_within_is_old_and_still_collected() -> None:
    with paused_collector():
        made: list[object] = [[] for _ in range(1000)]
        made.append(made)
    young = {id(one) for generation in (0, 1) for one in gc.get_objects(generation)}
    assert id(made) not in young
    assert gc.get_freeze_count() == 0
    place = id(made)
    del made
    gc.collect()
    assert place not in {id(one) for one in gc.get_objects(2)}


def test_what_is_frozen_stays_frozen() -> None:
    gc.freeze()
    count = gc.get_freeze_count()
    with paused_collector():
        pass
    assert gc.get_freeze_count() == count
