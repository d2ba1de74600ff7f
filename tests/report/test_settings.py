from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossbook.report.settings import label, labels, text, value_of, varied


def made(*overrides: str, choices: Any = None, **config: Any) -> SimpleNamespace:
    return SimpleNamespace(
        overrides=overrides, config={"choices": choices or {}, **config} if choices is not None else {}
    )


def test_varied_are_named_keys_with_several_values_and_never_the_seed() -> None:
    runs = [
        made(f"loss={loss}", f"+optim.lr={lr}", "trainer.max_epochs=5", f"seed={seed}",
             choices={"loss": loss, "optim": "adam", "data": data, "model": data}, optim={"lr": lr}, seed=seed)
        for loss, data in (("mse", "diabetes"), ("ctc", "digit_lines")) for lr in (0.1, 0.01) for seed in (0, 1)
    ]  # fmt: skip
    assert varied(runs) == ("loss", "optim.lr")  # data and model follow from the loss
    assert varied(runs, ["seed", "optim.lr", "loss"]) == ("optim.lr", "loss")


def test_a_default_counts_beside_what_was_typed() -> None:
    runs = [
        made(choices={"loss": "mse", "optim": "adam"}, optim={"lr": 0.003}),
        made("optim.lr=0.003", choices={"loss": "mse", "optim": "adam"}, optim={"lr": 0.003}),
        made("optim=sgd", choices={"loss": "mse", "optim": "sgd"}, optim={"lr": 0.003, "momentum": None}),
        made("optim.momentum=null", choices={"loss": "mse", "optim": "sgd"}, optim={"lr": 0.003, "momentum": None}),
    ]
    assert varied(runs) == ("optim", "optim.momentum")
    assert [value_of(run, "optim.momentum") for run in runs] == ["", "", "null", "null"]


@pytest.mark.parametrize(
    ("value", "written"),
    [(1, "1"), (1.0, "1"), (True, "true"), (None, "null"), (1e-3, "0.001"), (0.1 + 0.2, "0.3"), (3e-5, "3e-05"),
     ([0.9, 1e-3], "[0.9,0.001]"), ({"a": 1.0, "b": [None]}, "{a:1,b:[null]}"), ("adam", "adam")],
)  # fmt: skip
def test_values_have_one_spelling(value: Any, written: str) -> None:
    assert text(value) == written


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [("optim.lr=1e-3", "optim.lr", "0.001"), ("loss=mse", "loss", "mse"), ("+a.b=[1.0,2]", "a.b", "[1,2]"),
     ("++a.b=null", "a.b", "null"), ("data@x=digits", "data", "digits"), ("~a.b", "a.b", ""), ("x='a=b'", "x", "a=b"),
     ("x=", "x", ""), ("x=a,b", "x", "a,b"), ("x={oh", "x", "{oh")],
)  # fmt: skip
def test_without_a_config_the_arguments_speak(override: str, key: str, value: str) -> None:
    assert value_of(made(override), key) == value


def test_labels_are_short_and_differ() -> None:
    assert label(["loss", "optim"], ["mse", "adam"]) == "mse, adam"
    assert label(["loss", "optim.lr"], ["mse", "0.1"]) == "mse, lr=0.1"
    assert label(["a.lr", "b.lr"], ["1", "2"]) == "a.lr=1, b.lr=2"
    assert label(["optim", "optim.momentum", "scheduler"], ["adam", "", "none"]) == "adam, scheduler=none"
    assert label(["optim.momentum"], [""]) == "as it stands"


@given(st.lists(st.tuples(st.text("ab", max_size=60), st.text("ab", max_size=60)), unique=True, max_size=12))
def test_no_two_labels_are_alike(every: list[tuple[str, str]]) -> None:
    found = labels(["x.one", "x.two"], every)
    assert len(set(found)) == len(every)
    assert all(len(name) <= 62 for name in found)
