"""Compare the options of conf/optim with torch's live signatures."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from lossbook.build import target
from lossbook.config.options import Options, conf_folder
from lossbook.optim.capabilities import capability

FOLDER = conf_folder() / "optim"
OPTIONS = Options([conf_folder()])
NAMES = OPTIONS.names("optim")
FIFTEEN = """
    adadelta adafactor adagrad adam adamax adamw asgd lbfgs muon nadam radam rmsprop rprop sgd sparse_adam
""".split()  # noqa: SIM905
# what differs from torch's default, so that a short run learns; the head comment says why
DIFFERING: dict[tuple[str, str], Any] = {
    ("adafactor", "lr"): 0.03,
    ("adagrad", "lr"): 0.1,
    ("adam", "lr"): 0.003,
    ("adamax", "lr"): 0.005,
    ("adamw", "lr"): 0.003,
    ("asgd", "lr"): 0.3,
    ("asgd", "t0"): None,
    ("lbfgs", "line_search_fn"): "strong_wolfe",
    ("lbfgs", "lr"): 0.1,
    ("muon", "adjust_lr_fn"): "match_rms_adamw",
    ("muon", "lr"): 0.003,
    ("nadam", "lr"): 0.003,
    ("radam", "lr"): 0.01,
    ("rmsprop", "lr"): 0.003,
    ("rprop", "lr"): 0.0003,
    ("sgd", "lr"): 0.05,
    ("sgd", "momentum"): 0.9,
    ("sparse_adam", "lr"): 0.01,
}
NEWER = {("lbfgs", "maximize")}  # torch 2.11, the oldest that we run on, has it not


def stated(name: str) -> dict[str, Any]:
    return OPTIONS.stated(f"optim/{name}")[0]


def held_against_torch(name: str, node: dict[str, Any], differing: dict[str, Any]) -> None:
    node = dict(node)
    parameters = inspect.signature(target(node.pop("_target_"))).parameters
    newer = {argument for option, argument in NEWER if option == name}
    assert set(node) == set(parameters) - {"params"} - newer
    for argument, value in node.items():
        default = parameters[argument].default
        expected = differing.get(argument, list(default) if isinstance(default, tuple) else default)
        assert value == expected, argument


def test_all_fifteen_are_there() -> None:
    assert set(FIFTEEN) <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_hyperparameter_is_spelled_out_at_torchs_default(name: str) -> None:
    node = stated(name)
    rest = node.pop("rest", None)
    held_against_torch(
        name, node, {argument: value for (option, argument), value in DIFFERING.items() if option == name}
    )
    assert (rest is not None) == capability(node["_target_"]).in_part
    if rest is not None:
        held_against_torch("rest", rest, {"lr": "${optim.lr}"})  # one learning rate sets both


@pytest.mark.parametrize("name", NAMES)
def test_a_number_may_be_given_as_one(name: str) -> None:
    """Torch's integer default 0 of momentum would make 0.9 a type error."""
    parameters = inspect.signature(target(stated(name)["_target_"])).parameters
    for argument, value in stated(name).items():
        if "float" in str(getattr(parameters.get(argument), "annotation", "")) and isinstance(value, int):
            assert isinstance(value, (bool, float)), argument


@pytest.mark.parametrize("name", NAMES)
def test_the_head_comment_has_a_command_and_says_what_differs(name: str) -> None:
    head = (FOLDER / f"{name}.yaml").read_text().partition("_target_")[0]
    assert f"python scripts/train.py optim={name}" in head
    differing = [argument for option, argument in DIFFERING if option == name]
    assert all(argument in head for argument in differing)
    assert ("differ" in head) == bool(differing)
    assert "fused" in head


@pytest.mark.parametrize("name", NAMES)
def test_optim_lr_always_works(name: str) -> None:
    import lossbook
    from lossbook.config.resolve import plain

    node = plain(lossbook.compose(f"optim={name}", "optim.lr=0.125"))["optim"]
    assert node["lr"] == node.get("rest", node)["lr"] == 0.125


@pytest.mark.parametrize("name", NAMES)
def test_what_is_meant_for_full_batches_brings_them(name: str) -> None:
    import lossbook

    can = capability(stated(name)["_target_"])
    config = lossbook.compose(f"optim={name}")
    assert (config.data.batch_size == "all") == can.full_batch
    assert can.schedule or config.choices.scheduler == "none"
