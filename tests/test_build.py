from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from lossbook.build import bind, build, target
from lossbook.errors import UserError
from lossbook.models.cnn import CNN
from lossbook.trust import OWN_CONFIG

OWN = """
from __future__ import annotations
from typing import TYPE_CHECKING, Optional, Sequence, Union
from torch import Tensor
if TYPE_CHECKING:
    from nowhere import Missing

class Net:
    def __init__(self, output_size, **rest):
        self.seen = {"output_size": output_size, **rest}

class Wholly:
    def __init__(self, input_shape, output_size, output):
        self.seen = {"input_shape": input_shape, "output_size": output_size, "output": output}

class Fixed:
    pass

class Hinted:
    def __init__(self, weight: Optional[Tensor] = None, other: Tensor | None = None,
                 either: Union[Tensor, Sequence[float]] = (), rate: float | Tensor = 0.1,
                 pair: tuple[float, float] = (0.0, 0.0), missing: Missing | None = None):
        self.__dict__.update(locals())

class Broken:
    def __init__(self, width=1):
        raise TypeError("a bug of the user's own")

CONSTANT = 3
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "users_own.py").write_text(OWN)
    (tmp_path / "users_broken.py").write_text("import not_installed_anywhere\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield lambda name, **arguments: {"_target_": f"users_own.{name}", **arguments}
    sys.modules.pop("users_own", None)


def said(node: Any, key: str = "", **options: Any) -> str:
    with pytest.raises(UserError) as error:
        build(node, key=key, trust=OWN_CONFIG, **options)
    assert all(len(str(problem).splitlines()) <= 4 for problem in error.value.problems)
    return str(error.value)


def test_a_node_becomes_its_object() -> None:
    criterion = build({"_target_": "torch.nn.PoissonNLLLoss", "log_input": False, "eps": 1e-4})
    assert isinstance(criterion, nn.PoissonNLLLoss)
    assert (criterion.log_input, criterion.eps) == (False, 1e-4)


def test_nested_nodes_and_lists_of_nodes_are_built_first() -> None:
    transform = build(
        {
            "_target_": "torchvision.transforms.v2.Compose",
            "transforms": [
                {"_target_": "torchvision.transforms.v2.RandomCrop", "size": 4},
                {"_target_": "torchvision.transforms.v2.RandomApply", "transforms": [{"_target_": "torch.nn.Tanh"}]},
            ],
        }
    )
    assert transform.transforms[0].size == (4, 4)
    assert isinstance(transform.transforms[1].transforms[0], nn.Tanh)


@pytest.mark.parametrize("name", ["CrossEntropyLoss", "NLLLoss", "MultiMarginLoss", "BCEWithLogitsLoss"])
def test_a_list_for_a_tensor_becomes_one(name: str) -> None:
    weight = build({"_target_": f"torch.nn.{name}", "weight": [1, 2.5]}).weight
    assert weight.dtype == torch.float32
    assert weight.tolist() == [1, 2.5]


def test_whole_numbers_and_nested_lists_become_float_tensors() -> None:
    criterion = build({"_target_": "torch.nn.BCEWithLogitsLoss", "pos_weight": [[[1]], [[2]]]})
    assert criterion.pos_weight.shape == (2, 1, 1)
    assert criterion.pos_weight.dtype == torch.float32
    assert build({"_target_": "torch.nn.BCEWithLogitsLoss", "pos_weight": 3}).pos_weight.tolist() == 3


def test_none_stays_none_and_a_learning_rate_stays_a_number() -> None:
    assert build({"_target_": "torch.nn.NLLLoss", "weight": None}).weight is None
    factory = bind({"_target_": "torch.optim.Adam", "lr": 0.1, "betas": [0.5, 0.9]})
    group = factory([nn.Parameter(torch.zeros(1))]).param_groups[0]
    assert (type(group["lr"]), group["betas"]) == (float, (0.5, 0.9))


def test_annotations_that_cannot_be_resolved_are_read_as_text(own: Any) -> None:
    node = own("Hinted", weight=[1], other=[[2.0]], either=[1.0], rate=0.2, pair=[1, 2])
    made = build(node, trust=OWN_CONFIG)
    assert (made.weight.tolist(), made.other.tolist()) == ([1], [[2]])
    assert (made.either, made.rate, made.pair) == ([1.0], 0.2, (1, 2))


def test_an_unknown_argument_names_the_nearest() -> None:
    text = said({"_target_": "torch.nn.CTCLoss", "blnk": 3}, key="loss.criterion")
    assert "loss.criterion.blnk=3" in text
    assert "torch.nn.CTCLoss has no argument 'blnk'" in text
    assert "Fix: loss.criterion.blank=3" in text


def test_all_unknown_arguments_are_said_together() -> None:
    with pytest.raises(UserError) as error:
        build({"_target_": "torch.nn.CTCLoss", "blnk": 3, "_recursive_": True, "zero_infinit": True})
    assert len(error.value.problems) == 3


def test_a_nested_mistake_is_named_where_it_stands() -> None:
    node = {
        "_target_": "torchvision.transforms.v2.Compose",
        "transforms": [{"_target_": "torch.nn.ReLU", "inplac": True}],
    }
    assert "data.augment.transforms[0].inplace=True" in said(node, key="data.augment")


@pytest.mark.parametrize(
    ("path", "fix"),
    [
        ("torch.nn.MSELos", "torch.nn.MSELoss"),
        ("torch.nnn.MSELoss", "torch.nn.MSELoss"),
        ("torhc.nn.MSELoss", "torch.nn.MSELoss"),
        ("lossbook.models.cn.CNN", "lossbook.models.cnn.CNN"),
        ("lossbook.models.cnn.CN", "lossbook.models.cnn.CNN"),
    ],
)
def test_a_path_that_leads_nowhere_names_the_nearest(path: str, fix: str) -> None:
    assert f"Fix: model._target_={fix}" in said({"_target_": path}, key="model")


@pytest.mark.parametrize("node", [{}, {"p": 1}, {"_target_": 3}, {"_target_": None}, "torch.nn.MSELoss", None, []])
def test_what_is_no_node_is_refused(node: Any) -> None:
    assert "_target_" in said(node, key="model")


def test_what_cannot_be_called_is_refused(own: Any) -> None:
    assert "cannot be called" in said(own("CONSTANT"))
    assert "cannot be called" in said({"_target_": "torch.nn"})


def test_a_module_that_fails_to_import_says_what_it_lacks(own: Any) -> None:
    assert "not_installed_anywhere" in said({"_target_": "users_broken.Net"})


def test_a_missing_argument_is_named() -> None:
    assert "model.out_features is not given" in said({"_target_": "torch.nn.Linear", "in_features": 3}, key="model")


def test_what_torch_refuses_is_the_users_mistake() -> None:
    text = said({"_target_": "torch.nn.Dropout", "p": 2}, key="model.drop")
    assert "model.drop" in text
    assert "between 0 and 1" in text


@pytest.mark.parametrize(
    ("given", "said_back", "fix"),
    [
        ({"lr": -1}, "optim.lr=-1", "optim.lr=0.001"),
        ({"betas": [0.9]}, "optim.betas=[0.9]", "optim.betas=[0.9,0.999]"),
        ({"lr": 0.01, "betas": [0.9, 1.5]}, "optim.betas=[0.9,1.5]", "optim.betas=[0.9,0.999]"),
        ({"eps": -1e-08}, "optim.eps=-1e-08", "optim.eps=1e-08"),
    ],
)
def test_the_argument_that_torch_refuses_is_named_with_its_default(given: Any, said_back: str, fix: str) -> None:
    node = {"_target_": "torch.optim.Adam", "lr": 0.003, "amsgrad": False, **given}
    text = said(node, key="optim", params=[nn.Parameter(torch.zeros(1))]).splitlines()
    assert (text[0], text[-1]) == (said_back, f"  Fix: {fix}")


def test_a_bug_in_a_users_class_keeps_its_traceback(own: Any) -> None:
    with pytest.raises(TypeError, match="a bug of the user's own"):
        build(own("Broken"), trust=OWN_CONFIG)


def test_offered_arguments_go_to_those_who_take_them(own: Any) -> None:
    offered = {"input_shape": (1, 8, 8), "output_size": 3, "output": "vector"}
    build(own("Fixed"), trust=OWN_CONFIG, offered=offered)
    assert build(own("Net"), trust=OWN_CONFIG, offered=offered).seen == {"output_size": 3}  # **rest is not a name
    assert build(own("Net", output_size=7, width=2), trust=OWN_CONFIG, offered=offered).seen == {
        "output_size": 7,
        "width": 2,
    }
    assert build(own("Wholly"), trust=OWN_CONFIG, offered=offered).seen == offered
    assert isinstance(build({"_target_": "lossbook.models.cnn.CNN"}, offered=offered), CNN)


def test_given_arguments_are_always_passed_and_are_not_the_users_to_set(own: Any) -> None:
    assert build(own("Net"), trust=OWN_CONFIG, output_size=2, depth=1).seen == {"output_size": 2, "depth": 1}
    assert "model.output_size" in said(own("Net", output_size=3), key="model", output_size=2)


def test_bind_leaves_a_function_uncalled() -> None:
    focal = bind({"_target_": "torchvision.ops.sigmoid_focal_loss", "alpha": -1, "gamma": 0, "reduction": "mean"})
    logits, labels = torch.tensor([0.5, -1.0]), torch.tensor([1.0, 0.0])
    expected = nn.functional.binary_cross_entropy_with_logits(logits, labels)  # which it is without alpha and gamma
    torch.testing.assert_close(focal(logits, labels), expected)


def test_target_gives_the_class_itself() -> None:
    assert target("torch.nn.modules.loss.MSELoss") is nn.MSELoss


def test_the_config_is_left_as_it_was() -> None:
    node = {"_target_": "torch.nn.NLLLoss", "weight": [1.0, 2.0]}
    build(node)
    assert node == {"_target_": "torch.nn.NLLLoss", "weight": [1.0, 2.0]}


def test_a_function_is_asked_for_in_hydras_word() -> None:
    made = build(
        {"_target_": "types.SimpleNamespace", "f": {"_target_": "builtins.pow", "exp": 2, "_partial_": True}},
        trust=OWN_CONFIG,
    )
    assert made.f(3) == 9
    assert isinstance(build({"_target_": "torch.nn.ReLU", "_partial_": False}), torch.nn.ReLU)
    with pytest.raises(UserError, match=r"_partial_=true\n  The ReLU itself is needed here"):
        build({"_target_": "torch.nn.ReLU", "_partial_": True})


@pytest.mark.parametrize(
    ("node", "takes"),
    [
        ({"_target_": "torch.optim.Adam", "params": [], "foreach": "abc"}, "foreach=abc\n.*null or true or false"),
        ({"_target_": "torch.nn.CrossEntropyLoss", "weight": "abc"}, "weight=abc\n.*null or numbers"),
        (
            {"_target_": "lossbook.training.callbacks.checkpoints.Checkpoints", "every_n_steps": [1]},
            r"takes a whole number or null",
        ),
    ],
)
def test_a_value_of_another_kind_is_refused(node: dict[str, object], takes: str) -> None:
    with pytest.raises(UserError, match=takes):
        build(node)


def test_a_node_within_whose_class_is_null_is_none() -> None:
    node = {"_target_": "types.SimpleNamespace", "test": {"_target_": None}}
    assert build(node, trust=OWN_CONFIG).test is None
    node["test"]["root"] = "x"
    with pytest.raises(UserError, match=r"(?s)data.source.test.root with data.source.test._target_=null.*no effect"):
        build(node, key="data.source", trust=OWN_CONFIG)
