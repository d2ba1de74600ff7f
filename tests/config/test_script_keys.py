from __future__ import annotations

import pytest

from lossbook.config.script_keys import taken
from lossbook.errors import UserError

OWN = {"find.min": 1e-7, "find.steps": 200, "out": None}


def test_own_keys_are_taken_and_all_others_left() -> None:
    values, others = taken(["loss=ctc", "find.min=1e-3", "out=a=b c.png", "-m", "optim.lr=1"], OWN)
    assert values == {"find.min": 1e-3, "find.steps": 200, "out": "a=b c.png"}
    assert others == ["loss=ctc", "-m", "optim.lr=1"]


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("find.mim=1", "find.min=1"),
        ("find.steps=2.5", "find.steps=200"),
        ("find.steps=many", "find.steps=200"),
        ("find.min=1e-3,1e-2", "one value"),
        ("out=", "out=VALUE"),
    ],
)
def test_mistakes_are_worded(argument: str, said: str) -> None:
    with pytest.raises(UserError) as error:
        taken([argument], OWN)
    assert said in str(error.value)
