"""Two samples before a run claims its folder: what does not fit is said in words, what fits leaves no trace."""

from __future__ import annotations

import random
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import lossbook
from lossbook.config.check import check
from lossbook.config.resolve import plain
from lossbook.data.source import Parts
from lossbook.errors import UserError
from lossbook.training.assemble import Assembly, assemble
from lossbook.training.trial import try_batch
from lossbook.trust import OWN_CONFIG

DIGITS = 64


class Plain(nn.Module):
    """A user's network; others go wrong in one way each."""

    def __init__(self, width: int = DIGITS, outputs: int = 10) -> None:
        super().__init__()
        self.linear = nn.Linear(width, outputs)

    def forward(self, input: Any) -> Any:
        return self.linear(input.flatten(1))


class Masked(Plain):
    def forward(self, input: Any, mask: Any) -> Any:  # type: ignore[override]
        return self.linear(input)


class Raising(Plain):
    def forward(self, input: Any) -> Any:
        raise KeyError("no such token\nand more")


class Nothing(Plain):
    def forward(self, input: Any) -> Any:
        super().forward(input)


class Named(Plain):
    def forward(self, input: Any) -> Any:
        return {"logits": super().forward(input), "loss": None}


class Two(Plain):
    def forward(self, input: Any) -> Any:
        return super().forward(input), super().forward(input)


class Ended(Plain):
    def forward(self, input: Any) -> Any:
        return super().forward(input).softmax(1)


class Lazy(Plain):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.LazyLinear(10)  # type: ignore[assignment]


class Noisy(Plain):
    """Draws numbers of every generator, and changes a buffer wherever it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(DIGITS)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, input: Any) -> Any:
        self.seen = self.seen + 1 + torch.rand(()) + random.random() + np.random.rand()
        return super().forward(self.norm(input.flatten(1)))


def no_number(input: Tensor, target: Tensor) -> Any:
    return None


def wrong_shapes(input: Tensor, target: Tensor) -> Any:
    return (input @ input).mean()


@pytest.fixture(autouse=True)
def mine(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("my_networks")
    kinds = (Plain, Masked, Raising, Nothing, Named, Two, Ended, Lazy, Noisy, no_number, wrong_shapes)
    vars(module).update({kind.__name__: kind for kind in kinds}, number=lambda: 3)
    monkeypatch.setitem(sys.modules, "my_networks", module)


def values(*overrides: str) -> dict[str, Any]:
    short = ("data.limit=48", "data.batch_size=24", "trainer=cpu", "logger=none", "callbacks=none")
    return plain(lossbook.compose(*short, "trainer.max_epochs=1", *overrides))


def assembled(model: dict[str, Any], *overrides: str) -> Assembly:
    config = values(*overrides)
    config["model"] = model
    return assemble(config, check(config), OWN_CONFIG)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ({"_target_": "my_networks.Plain", "width": 30}, r"\(Plain\) cannot take inputs of shape \(2, 1, 8, 8\)"),
        ({"_target_": "my_networks.Plain", "width": 30}, r"2x64 and 30x10\) \(test_trial.py, line \d+\)\."),
        ({"_target_": "my_networks.Plain", "width": 30}, "Fix: forward.self, input. for inputs of 1 x 8 x 8 each"),
        ({"_target_": "my_networks.Plain", "outputs": 7}, r"an output of shape \(2, 7\)\.\n.*\(2, 10\)"),
        ({"_target_": "my_networks.Masked"}, "TypeError.*mask"),
        ({"_target_": "my_networks.Raising"}, r"KeyError: 'no such token"),
        ({"_target_": "my_networks.Nothing"}, r"gave None\.\n  It gives one tensor, the scores\."),
        ({"_target_": "my_networks.Named"}, "gave a dict of logits, loss"),
        ({"_target_": "my_networks.Two"}, "gave a tuple of 2"),
        ({"_target_": "my_networks.Ended"}, "remove the softmax"),
        ({"_target_": "my_networks.Lazy"}, "linear.weight has no shape"),
        ({"_target_": "my_networks.number"}, "It gives a int; a model is a torch.nn.Module"),
    ],
)
def test_a_network_that_does_not_fit(model: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said) as error:
        assembled(model)
    assert len(str(error.value).splitlines()) <= 4


def test_embeddings_of_another_width() -> None:
    with pytest.raises(UserError, match=r"an output of shape \(2, 7\)\.\n.*\(N, 64\)"):
        assembled({"_target_": "my_networks.Plain", "outputs": 7}, "loss=triplet_margin")
    with pytest.raises(UserError, match=r"an output of shape \(2, 3\)\.\n.*\(N, 1\)"):
        assembled({"_target_": "my_networks.Plain", "width": 10, "outputs": 3}, "loss=margin_ranking")


@pytest.mark.parametrize(
    ("criterion", "said"), [("no_number", "loss.criterion gave None"), ("wrong_shapes", "cannot take outputs of shape")]
)
def test_a_criterion_that_does_not_fit(criterion: str, said: str) -> None:
    config = values()
    config["loss"] = {"criterion": {"_target_": f"my_networks.{criterion}"}, "accepts": {"class": "index"}}
    with pytest.raises(UserError, match=said):
        assemble(config, check(config), OWN_CONFIG)


def test_it_leaves_no_trace() -> None:
    made = assembled({"_target_": "my_networks.Noisy"})
    module, model = made.module, made.module.model
    module.train_meter.eval()  # a mode of its own
    before = {name: value.clone() for name, value in module.state_dict().items()}
    modes = [one.training for one in module.modules()]
    drawn = []
    for tried in (False, True):
        torch.manual_seed(5), random.seed(5), np.random.seed(5)
        if tried:
            try_batch(module, made.data, values())
        drawn.append((float(torch.rand(())), random.random(), float(np.random.rand())))
    assert drawn[0] == drawn[1]
    assert [one.training for one in module.modules()] == modes
    after = module.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert "seen" in dict(model.named_buffers())
    assert float(model.seen) == 0  # type: ignore[arg-type]


def test_two_samples_whose_targets_do_not_count_are_no_mistake() -> None:
    config = values("loss.criterion.weight=[0,0,0,0,0,0,0,0,0,1]")
    made = assemble(config, check(config), OWN_CONFIG)
    assert not set(made.data.few(2)["target"].tolist()) & {9}


@pytest.mark.parametrize("samples", [1, 2])
def test_parts_of_one_sample(samples: int) -> None:
    config = values(f"data.limit={samples}", "model=mlp", "model.batch_norm=false")
    assert len(assemble(config, check(config), OWN_CONFIG).data.few(2)["target"]) == samples


def test_nothing_is_written(tmp_path: Path) -> None:
    """And a set that is not in memory is tried as well."""

    class Rows(torch.utils.data.Dataset[dict[str, Any]]):
        def __len__(self) -> int:
            return 8

        def __getitem__(self, index: int) -> dict[str, Any]:
            return {"input": torch.rand(3, dtype=torch.float64), "target": index % 2}

    class Source:
        def load(self) -> Parts:
            return Parts(lossbook.data.schema.Schema("class", (3,), 8, classes=2), Rows(), Rows(), Rows())

    vars(sys.modules["my_networks"])["Source"] = Source
    config = lossbook.compose(
        "data=csv", "data.root=x", "data.target_columns=[y]", "trainer=cpu", "model=mlp",
        "data.source={_target_: my_networks.Source}",
    )  # fmt: skip
    config.data.source = {"_target_": "my_networks.Source"}
    config.model = {"_target_": "my_networks.Plain", "width": 4, "outputs": 2}
    with pytest.raises(UserError, match="cannot take inputs of shape"):
        lossbook.train(config, tmp_path / "run")
    assert not list(tmp_path.iterdir())
    config.model.width = 3
    made = assemble(plain(config), check(plain(config)), OWN_CONFIG)
    assert made.data.few(2)["input"].dtype == torch.float32
