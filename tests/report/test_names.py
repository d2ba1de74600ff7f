from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lossbook.report.names import cuts, labels


def test_labels_are_short_and_differ() -> None:
    assert labels(["loss", "optim"], [["mse", "adam"]]) == ["mse, adam"]
    assert labels(["loss", "optim.lr"], [["mse", "0.1"]]) == ["mse, lr=0.1"]
    assert labels(["a.lr", "b.lr"], [["1", "2"]]) == ["a.lr=1, b.lr=2"]
    assert labels(["optim", "optim.momentum", "scheduler"], [["adam", "", "none"]]) == ["adam, scheduler=none"]
    assert labels(["optim.momentum"], [[""]]) == ["defaults"]


@given(st.lists(st.tuples(st.text("ab", max_size=60), st.text("ab", max_size=60)), unique=True, max_size=12))
def test_no_two_labels_are_alike(every: list[tuple[str, str]]) -> None:
    found = labels(["x.one", "x.two"], every)
    assert len(set(found)) == len(every)
    assert all(len(name) <= 78 for name in found)


def test_a_name_says_what_was_typed_and_what_tells_apart() -> None:
    keys = ["loss", "optim", "scheduler", "optim.lr", "model.batch_norm"]
    every = [
        ["mse", "adam", "cosine", "0.003", "true"],
        ["mse", "sgd", "cosine", "0.05", "true"],
        ["mse", "adam", "cosine", "0.1", "true"],
        ["l1", "adam", "none", "0.003", "true"],
        ["l1", "adam", "cosine", "0.003", "false"],
        ["l1", "adam", "cosine", "0.001", "false"],
    ]
    typed: list[list[str]] = [[], [], ["optim.lr"], ["scheduler"], [], []]
    assert labels(keys, every, typed) == [
        "mse, adam",
        "mse, sgd",
        "mse, adam, lr=0.1",
        "l1, adam, scheduler=none",
        "l1, adam, lr=0.003",
        "l1, adam, lr=0.001",
    ]


def test_a_long_name_loses_whole_parts() -> None:
    keys = [f"model.setting_{number}" for number in range(6)]
    (name,) = labels(keys, [["a_value_of_it"] * 6])
    assert name == "setting_0=a_value_of_it, setting_1=a_value_of_it, …"


def test_long_values_lose_what_they_share() -> None:
    values = [f"optimizer_number_{number}_with_long_name" for number in range(15)]
    found = cuts([*values, "short", "in\nlines"], 24)
    assert all(len(text) <= 24 for text in found.values())
    assert found[values[3]] == "…r_3_with_long_name"
    assert (found["short"], found["in\nlines"]) == ("short", "in lines")
    assert len(set(found.values())) == 17


@given(st.lists(st.text("ab \n#2", max_size=60), unique=True, max_size=12))
def test_no_two_values_read_alike(values: list[str]) -> None:
    found = cuts(values, 24)
    assert list(found) == values
    assert len(set(found.values())) == len(values)
