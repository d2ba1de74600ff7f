from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossbook.config.types import fits, problems

PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


@given(PLAIN | st.lists(PLAIN, max_size=3))
def test_null_takes_any_and_every_value_fits_itself(value: Any):
    assert fits("optim.x", value, None)
    assert fits("optim.x", value, value)


@pytest.mark.parametrize(
    ("value", "default", "expected"),
    [
        (1, 0.5, True),  # a whole number is a number
        (0.5, 1, False),
        (True, 1, False),
        (1, True, False),
        (True, 0.5, False),
        ("x", 0.5, False),
        ("1", 1, False),
        (1, "x", False),
        (None, 1, False),
        ([1, 2], [0.9, 0.999], True),
        (["a"], [0.9, 0.999], False),
        ([1], [], True),
        (1, [1], False),
        ({"a": 1}, {"b": 2}, True),
        (3, "auto", True),
        ("/data", "???", True),
        (3, "${data.seed}", True),
        ("${data.seed}", 3, True),
    ],
)
def test_a_value_must_have_the_type_of_its_default(value: Any, default: Any, expected: bool):
    assert fits("optim.x", value, default) is expected


def test_some_keys_take_more_than_their_default_shows():
    assert fits("data.batch_size", "all", 64)
    assert fits("data.batch_size", "auto", 64)
    assert fits("data.batch_size", 64, "auto")
    assert not fits("data.batch_size", "some", 64)
    assert not fits("data.limit_", "all", 64)
    assert fits("trainer.devices", [0, 1], 1)
    assert fits("data.image_size", [32, 48], 64)
    assert fits("data.normalise", [[0.5], [0.5]], "imagenet")
    assert fits("data.source.normalise", [[0.5], [0.5]], "imagenet")
    assert fits("trainer.devices", "auto", 1)
    assert fits("trainer.check_val_every_n_epoch", None, 1)
    assert fits("data.ignored", None, 255)
    assert next(problems("data.normalise", None, "imagenet")).fix == "data.normalise=imagenet"
    assert "or null" in next(problems("trainer.check_val_every_n_epoch", "x", 1)).fix


def test_mappings_are_compared_key_by_key():
    default = {"criterion": {"_target_": "a.B", "margin": 1.0}}
    given_ = {"criterion": {"margn": 2.0, "margin": "wide"}}
    found = list(problems("loss", given_, default))
    assert [problem.given for problem in found] == ["loss.criterion.margn=2.0", "loss.criterion.margin=wide"]
    assert found[0].fix == "loss.criterion.margin=2.0"
    assert all(len(str(problem).splitlines()) <= 4 for problem in found)


def test_objects_of_another_class_and_added_objects_have_keys_of_their_own():
    default = {"source": {"_target_": "a.B", "seed": 0}}
    assert not list(problems("data", {"source": {"_target_": "c.D", "path": "x"}}, default))
    assert not list(problems("data", {"mine": {"_target_": "c.D"}}, default))
    assert list(problems("data", {"mine": 1}, default))
