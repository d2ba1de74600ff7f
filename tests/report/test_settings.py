from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lossbook.report.settings import distinguishing, renamed, text, value_of, varied


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
     (1e9, "1e+09"), (1_000_000, "1e+06"), (100_000, "100000"), (20_260_131, "20260131"), (0.0, "0"),
     (float("inf"), "inf"),
     ([0.9, 1e-3], "[0.9,0.001]"), ({"b": [None], "a": 1.0}, "{a:1,b:[null]}"), ("adam", "adam"),
     ({2: "x", "b": 1}, "{2:x,b:1}")],
)  # fmt: skip
def test_values_have_one_spelling(value: Any, written: str) -> None:
    assert text(value) == written


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [("optim.lr=1e-3", "optim.lr", "0.001"), ("loss=mse", "loss", "mse"), ("+a.b=[1.0,2]", "a.b", "[1,2]"),
     ("++a.b=null", "a.b", "null"), ("data@x=digits", "data", "digits"), ("~a.b", "a.b", ""), ("x='a=b'", "x", "a=b"),
     ("x=", "x", ""), ("x=0.0", "x", "0"), ("x=True", "x", "true"), ("x=None", "x", "None"), ("x=1e9", "x", "1e+09"),
     ("x=null", "x", "null"), ("x=-1", "x", "-1"), ("x=007", "x", "7"), ("x=a,b", "x", "a,b"), ("x={oh", "x", "{oh")],
)  # fmt: skip
def test_without_a_config_the_arguments_speak(override: str, key: str, value: str) -> None:
    assert value_of(made(override), key) == value


def test_a_job_is_named_by_what_varied_in_the_one_spelling() -> None:
    overrides = ("loss=mse", "optim.lr=1e9", "model.batch_norm=True", "optim.weight_decay=0.0", "seed=0")
    name = "optim.lr=1e9,model.batch_norm=True,optim.weight_decay=0.0"
    assert renamed(name, overrides) == "optim.lr=1e+09,model.batch_norm=true,optim.weight_decay=0"
    assert renamed("a.seed=00,seed=0", ("seed=0",)) == "a.seed=00,seed=0"
    assert renamed("mine", overrides) == "mine"
    assert renamed("x=[1.0,a\\d],y=2.0", ("x=[1.0,a\\d]", "+y=2.0")).endswith(",y=2")


def of_optim(optim: str, lr: float, *overrides: str, **more: Any) -> SimpleNamespace:
    return made(f"optim={optim}", *overrides, choices={"optim": optim}, optim={"lr": lr}, **more)


def test_what_follows_from_a_choice_is_no_setting() -> None:
    keys = ["optim", "optim.lr"]
    adam, sgd = of_optim("adam", 0.003), of_optim("sgd", 0.05)
    assert distinguishing([adam, sgd], keys) == ("optim",)
    assert distinguishing([adam, sgd, of_optim("sgd", 0.1, "optim.lr=0.1")], keys) == (
        "optim",
        "optim.lr",
    )  # two values
    assert distinguishing([adam, of_optim("sgd", 0.05, "optim.lr=0.05")], keys) == ("optim", "optim.lr")  # it was named
    assert distinguishing([adam, adam], keys) == ()


def test_what_is_not_known_of_a_run_that_died_early_is_no_other_value() -> None:
    adam, sgd = of_optim("adam", 0.003, "data=digits"), of_optim("sgd", 0.05)
    for one in (adam, sgd):
        one.config["choices"]["data"] = "digits"
    died = made("optim=adam")
    assert distinguishing([adam, sgd, died], ["optim", "data", "optim.lr"]) == ("optim",)
    assert distinguishing([adam, died], ["optim", "data", "optim.lr"]) == ()
    assert distinguishing([adam, made("data=mnist")], ["data"]) == ("data",)


def test_an_experiment_is_a_setting_only_where_nothing_else_tells() -> None:
    recipe = {"experiment": "recipe"}
    typed = of_optim("adam", 0.003, "trainer.max_epochs=5", trainer={"max_epochs": 5}, experiment=None)
    from_it = of_optim("adam", 0.003, "experiment=recipe", trainer={"max_epochs": 5}, **recipe, seed=1)
    longer = of_optim("adam", 0.003, "experiment=recipe", trainer={"max_epochs": 9}, **recipe)
    faster = of_optim("adam", 0.03, "experiment=recipe", trainer={"max_epochs": 5}, **recipe)
    assert varied([typed, from_it]) == ()  # the same
    assert varied([typed, longer]) == ("trainer.max_epochs",)
    assert varied([typed, faster]) == ("experiment",)  # nobody named the learning rate
    assert varied([typed, faster], ["experiment"]) == ("experiment",)
