from __future__ import annotations

import pytest

from lossbook import compose
from lossbook.config.resolve import plain
from lossbook.errors import UserError


def test_plain_containers_with_every_interpolation_resolved():
    values = plain(compose("data.seed=7", "optim.lr=${data.seed}"))
    assert values["data"]["source"]["seed"] == 7
    assert values["optim"]["lr"] == 7
    assert values["overrides"] == ["data.seed=7", "optim.lr=${data.seed}"]
    assert type(values["optim"]["betas"]) is list
    assert type(values["choices"]) is dict


def test_a_value_that_only_the_user_knows_must_be_given():
    config = compose("data=mnist")
    with pytest.raises(UserError) as caught:
        plain(config)
    (problem,) = caught.value.problems
    assert (problem.given, problem.fix) == ("data=mnist", "data.root=VALUE")
    config.data.root = "/data"
    assert plain(config)["data"]["source"]["root"] == "/data"


def test_an_interpolation_that_leads_nowhere_is_told_with_the_nearest_key():
    with pytest.raises(UserError) as caught:
        plain(compose("optim.lr=${data.sed}", "loss.criterion.weight=${oc.env:LOSSBOOK_NO_SUCH_VARIABLE}"))
    by_key = {problem.given.partition("=")[0]: problem for problem in caught.value.problems}
    assert by_key["optim.lr"].fix == "${data.seed}"
    assert "LOSSBOOK_NO_SUCH_VARIABLE" in by_key["loss.criterion.weight"].rule
