"""A table with categories, and the networks that embed them or are refused."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import nn

import lossbook
from lossbook.config.check import check
from lossbook.config.resolve import plain
from lossbook.data.schema import Schema
from lossbook.data.source import Parts, Source
from lossbook.data.statistics import described_parts
from lossbook.errors import UserError
from lossbook.training.assemble import Assembly, assemble
from lossbook.trust import OWN_CONFIG

HERE = f"data.source._target_={__name__}"
TABLE = ("data=diabetes", "loss=cross_entropy", "data.target=class", "+data.categories=embedding", f"{HERE}.Table")


@dataclass(frozen=True)
class Table(Source):
    """A number, and a category out of 6 by which the class is decided."""

    seed: int = 0
    categories: str = "embedding"

    def load(self) -> Parts:
        random = torch.Generator().manual_seed(self.seed)
        category = torch.randint(0, 7, (400,), generator=random)
        rows = torch.stack([torch.randn(400, generator=random), category.float()], 1)
        target = (category * 5 % 7) % 3
        cuts = {"train": slice(280), "val": slice(280, 340), "test": slice(340, 400)}
        schema = Schema("class", (2,), 0, classes=3, categories=((1, 6),))
        return described_parts(
            schema, {name: {"input": rows[cut], "target": target[cut]} for name, cut in cuts.items()}
        )


class Blind(nn.Module):
    """Takes no categories."""

    def __init__(self, input_shape: tuple[int, ...], output_size: int) -> None:
        super().__init__()
        self.linear = nn.Linear(input_shape[0], output_size)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return self.linear(input)


def composed(*overrides: str) -> dict:
    return plain(lossbook.compose(*TABLE, "+data.source.categories=${data.categories}", *overrides))


def assembled(*overrides: str) -> Assembly:
    values = composed(*overrides)
    return assemble(values, check(values), OWN_CONFIG)


def test_the_network_is_told_the_categories() -> None:
    model = assembled().module.model
    assert model.layers[0].tables[0].num_embeddings == 7


def test_a_network_that_takes_none_is_refused_before_anything_is_built() -> None:
    with pytest.raises(
        UserError, match=r"model=cnn(.|\n)*are categories(.|\n)*Fix: data\.categories=onehot, or model=mlp"
    ):
        check(composed("model=cnn"))
    with pytest.raises(UserError, match=r"are categories(.|\n)*Fix: model=mlp"):
        check(composed("model=bag"))


def test_a_users_network_that_takes_none_is_refused() -> None:
    with pytest.raises(UserError, match=r"1 column of categories to embed(.|\n)*data\.categories=onehot"):
        assembled(f"model={{_target_: {__name__}.Blind}}")


def test_sparse_adam_trains_the_embeddings_and_its_rest_the_others() -> None:
    made = assembled("optim=sparse_adam")
    parts = {group["part"]: [name for name, _ in group["params"]] for group in made.groups}
    assert parts["main"] == ["model.layers.0.tables.0.weight"]
    assert len(parts["rest"]) > 3


def test_rules_reach_the_embeddings() -> None:
    made = assembled("param_groups.rules=[{type: Embedding, lr_scale: 0.5, name: tables}]")
    assert [group["name"] for group in made.groups] == ["tables", "rest"]


def test_sparse_gradients_of_embeddings_that_are_not_there_are_refused() -> None:
    with pytest.raises(UserError, match="no sparse gradients"):
        check(plain(lossbook.compose("data=diabetes", "loss=mse", "optim=sparse_adam", "model=mlp")))
    values = plain(lossbook.compose("data=diabetes", "loss=mse", "optim=sgd", "model.sparse=true"))
    with pytest.raises(UserError, match=r"model\.sparse=true"):
        assemble(values, check(values), OWN_CONFIG)


def test_noise_on_indices_is_refused() -> None:
    with pytest.raises(UserError, match="indices of categories"):
        assembled("data.augment=[{_target_: lossbook.data.augment.GaussianNoise, std: 0.1}]")


def test_a_run_learns_from_categories_alone_and_its_checkpoint_is_evaluated(tmp_path: Path) -> None:
    few = ("trainer.max_epochs=12", "trainer.accelerator=cpu", "optim=sparse_adam", "optim.lr=0.03", "logger=none")
    config = lossbook.compose(*TABLE, "+data.source.categories=${data.categories}", *few)
    metrics = lossbook.train(config, tmp_path / "run")
    assert metrics["test/acc"] > 0.95  # the number says nothing of the class
