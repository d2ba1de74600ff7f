"""What keeps a config from being read: nodes and keys that are not there, of the wrong kind, or that nothing reads."""

from __future__ import annotations

from typing import Any

import pytest
from omegaconf import OmegaConf

import lossbook
from lossbook.config.check import check
from lossbook.config.keys import dotted_keys
from lossbook.config.options import Options, conf_folder
from lossbook.config.resolve import plain
from lossbook.config.structure import problems
from lossbook.errors import UserError


def said(*overrides: str) -> str:
    """What is said against these overrides, or nothing."""
    try:
        check(plain(lossbook.compose(*overrides)))
    except UserError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("override", "fix"),
    [
        ("~seed", "seed=0"),
        ("~data.source", "data.source="),
        ("~data.batch_size", "data.batch_size=64"),
        ("~data.target", "data.target=class"),
        ("~optim._target_", "optim=NAME"),
        ("~model._target_", "model=NAME"),
        ("~scheduler._target_", "scheduler=none"),
        ("~trainer.max_epochs", "trainer.max_epochs=20"),
        ("trainer.max_epochs=null", "trainer.max_epochs=20"),
        ("~loss.activation loss=bce", "loss.activation=sigmoid"),
        ("trainer.max_time=1", "trainer.max_time=00:08:00:00"),
        ("trainer.max_time=soon", "trainer.max_time=00:08:00:00"),
        ("trainer.min_epochs=abc", "trainer.min_epochs=null"),
        ("trainer.strategy=ddp_spawn", "trainer.strategy=ddp"),
        ("trainer.devices=[[a]]", "trainer.devices=[0]"),
        ("trainer.precision=[]", "trainer.precision"),
        ("data.augment=1", "data.augment="),
        ("data.augment=[1]", "data.augment="),
        ("scheduler._target_=1", "scheduler._target_="),
        ("optim._target_=abc", "optim._target_="),
        ("+optim.lr.new=1", "optim.lr="),
        ("++optim.lr=abc", "optim.lr="),
        ("++optim.betas.new=1", "optim.betas=[0.9,0.999]"),
        ("model=[[a]]", "model=bag"),
        ("model.gives=${seed}", "model.gives"),
        ("model.takes=[1]", "model.takes"),
        ("optim=lbfgs optim.line_search_fn=abc", "optim.line_search_fn=strong_wolfe"),
        ("+data.shuffle=false", "data has"),
        ("+param_groups.rule=[]", "param_groups.rules="),
        ("scheduler=constant scheduler._target_=null", "scheduler=none"),
        ("+callbacks.early_stopping.patience=1", "callbacks=early_stopping callbacks.early_stopping.patience=1"),
        ("+callbacks.other.patience=1", "~callbacks.other"),
        ("callbacks.checkpoints._target_=null", "~callbacks.checkpoints"),
        ("~logger.tensorboard._target_", "~logger.tensorboard"),
        ("+loss.primary.clas=f1", "loss.primary.class=f1"),
        ("loss.primary.class=[a]", ""),
        ("+choices.new=1", "leave it out"),
        ("+experiment.new=1", "experiment=NAME"),
    ],
)
def test_what_is_refused(override: str, fix: str) -> None:
    text = said(*override.split(" "))
    assert "Fix: " in text
    assert fix in text


@pytest.mark.parametrize(
    "overrides",
    [
        ["trainer.max_time=00:00:01:00", "scheduler=none"],
        ["trainer.max_time={minutes:8}", "scheduler=none"],
        ["trainer.max_epochs=null", "trainer.max_steps=10"],
        ["~callbacks.checkpoints"],
        ["~optim.lr"],
        ["+data.size=3", "data.source.seed=${data.size}"],
        ["trainer.devices=[0]"],
        ["trainer.limit_train_batches=0.5"],
        ["data.augment=[{_target_: lossbook.data.augment.Affine}]"],
    ],
)
def test_what_is_not_refused(overrides: list[str]) -> None:
    assert said(*overrides) in ("", said())


def test_every_option_is_built_as_it_is_read() -> None:
    options = Options([conf_folder()])
    for group in ("optim", "scheduler", "param_groups", "callbacks", "logger", "trainer"):
        for name in options.names(group):
            assert problems(plain(lossbook.compose(f"{group}={name}")), options) == []


VALUES = ("null", "[[a]]", "1", "{_target_: [a]}")


@pytest.mark.parametrize("group", ["seed", "data", "optim", "scheduler", "trainer", "callbacks", "loss"])
def test_whatever_is_typed_is_answered_in_words(group: str) -> None:
    whole: Any = OmegaConf.to_container(lossbook.compose("callbacks=early_stopping"), resolve=False)
    for key in [group, *(f"{group}.{name}" for name in dotted_keys(whole[group]))][::4]:
        for given in (f"~{key}", f"++{key}.new=1", *(f"{key}={value}" for value in VALUES)):
            said("callbacks=early_stopping", given)  # anything but a UserError fails here


def test_the_fixes_work() -> None:
    for given in (
        "~seed", "trainer.max_epochs=null", "trainer.strategy=ddp_spawn", "trainer.max_time=1", "data.augment=1",
        "+callbacks.early_stopping.patience=1", "callbacks.checkpoints._target_=null", "model=[[a]]", "data.views=abc",
        "optim.betas=[]", "loss.activation=softmax", "trainer.accelerator=tpu", "seed=-1", "+loss.primary.clas=f1",
        "optm=adam", "optim.lrr=0.1", "trainer.precision=16", "loss=ctcc", "trainer.devices=[a]", "ckpt_lr=none",
    ):  # fmt: skip
        fix = said(given).rpartition("Fix: ")[2].partition("\n")[0].partition("; ")[0].partition(" or ")[0]
        fix = fix.partition(", or")[0].removeprefix("give a list, like ").removeprefix("give a whole number, like ")
        typed = [fix.strip("'")] if fix.startswith("'") else fix.split(" ")
        assert typed != [""], given
        text = said(*typed)
        assert text == "" or ("_target_" not in text and "no key" not in text), (given, fix, text)


def test_a_key_of_the_source_names_the_key_that_sets_it() -> None:
    with pytest.raises(UserError) as refused:
        lossbook.compose("data=image_folder", "data.root=x", "data.source.normalise=[[0],[1]]")
    given, rule, fix = str(refused.value).splitlines()
    assert given == "data.source.normalise=[[0],[1]]"
    assert rule.strip() == "data.normalise sets it."
    assert fix.strip().endswith("data.normalise=[[0],[1]]")
