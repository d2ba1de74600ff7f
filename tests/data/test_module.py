from __future__ import annotations

from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
from torch.utils.data import Dataset

from lossbook.data.augment import Affine, GaussianNoise
from lossbook.data.digits import Digits
from lossbook.data.mixing import Mixing
from lossbook.data.module import DataModule, limited
from lossbook.data.schema import Schema
from lossbook.data.source import Parts
from lossbook.data.tabular import Diabetes
from lossbook.errors import UserError

# Lightning 2.6 asks torch 2.15 for a class that it has renamed
pytestmark = pytest.mark.filterwarnings("ignore:.isinstance.treespec, LeafSpec.:FutureWarning")


class Recorder(lightning.LightningModule):
    """A linear network with dropout that writes down which samples it was given."""

    def __init__(self, stop_after: int | None = None) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Dropout(0.5), torch.nn.Linear(64, 10))
        self.seen: list[list[int]] = []
        self.stages: list[tuple[str, Any]] = []

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> torch.Tensor:
        self.seen.append(batch["index"].tolist())
        return torch.nn.functional.cross_entropy(self.net(batch["input"]), batch["target"])

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        self.stages.append(("val", batch))

    def test_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        self.stages.append(("test", batch))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["rng"] = torch.get_rng_state()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.rng = checkpoint["rng"]

    def on_train_start(self) -> None:
        if hasattr(self, "rng"):
            torch.set_rng_state(self.rng)


class SaveAt(lightning.Callback):
    """Keeps a checkpoint after a step, after a validation, or at an epoch's end."""

    def __init__(self, path: Path, moment: str, number: int) -> None:
        self.path, self.moment, self.number = path, moment, number

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: object) -> None:
        if self.moment == "step" and trainer.global_step == self.number:
            trainer.save_checkpoint(self.path)

    def on_validation_end(self, trainer: lightning.Trainer, *_: object) -> None:
        if self.moment == "validation" and trainer.current_epoch == self.number:
            trainer.save_checkpoint(self.path)

    def on_train_epoch_end(self, trainer: lightning.Trainer, *_: object) -> None:
        if self.moment == "epoch" and trainer.current_epoch == self.number:
            trainer.save_checkpoint(self.path)


def trainer(*callbacks: lightning.Callback, **options: Any) -> lightning.Trainer:
    settings = {"max_epochs": 3, "accelerator": "cpu", "logger": False, "enable_checkpointing": False}
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "num_sanity_val_steps": 0, "devices": 1}
    return lightning.Trainer(callbacks=list(callbacks), **(settings | quiet | options))


def digits(**options: Any) -> DataModule:
    return DataModule(Digits().load(), 32, 7, **({"limit": 100, "augment": [Affine(), GaussianNoise()]} | options))


@pytest.mark.parametrize(("moment", "number"), [("step", 6), ("step", 8), ("validation", 1), ("epoch", 1)])
def test_a_resumed_run_ends_with_the_same_weights_bit_for_bit(tmp_path: Path, moment: str, number: int) -> None:
    path = tmp_path / "saved.ckpt"
    whole = Recorder()
    trainer(SaveAt(path, moment, number)).fit(whole, datamodule=digits())
    assert len(whole.seen) == 12  # 4 batches (32, 32, 32, 4) for 3 epochs
    resumed = Recorder()
    trainer().fit(resumed, datamodule=digits(), ckpt_path=path, weights_only=True)
    assert resumed.seen == whole.seen[12 - len(resumed.seen) :]
    assert len(resumed.seen) == {"step": 12 - number, "validation": 4, "epoch": 4}[moment]
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_each_epoch_gives_every_sample_once_in_a_new_order() -> None:
    module = Recorder()
    trainer(max_epochs=2).fit(module, datamodule=digits())
    epochs = [list(chain(*module.seen[:4])), list(chain(*module.seen[4:]))]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(100))
    assert epochs[0] != epochs[1]


def test_evaluation_sees_the_part_in_order_and_not_augmented() -> None:
    module, data = Recorder(), digits()
    trainer().validate(module, data, verbose=False)
    trainer().test(module, data, verbose=False)
    parts = Digits().load()
    for stage, part in (("val", parts.val), ("test", parts.test)):
        batches = [batch for name, batch in module.stages if name == stage]
        assert torch.equal(torch.cat([batch["input"] for batch in batches]), part["input"][:100])
        assert torch.equal(torch.cat([batch["index"] for batch in batches]), torch.arange(100))


def test_views_come_with_the_clean_input_and_a_gallery_without_either() -> None:
    module, data = Recorder(), digits(views=2)
    trainer().validate(module, data, verbose=False)
    batch = module.stages[0][1]
    assert len(batch["input"]) == 2
    assert torch.equal(batch["clean"], Digits().load().val["input"][:32])
    assert data.schema.views == 2
    gallery = torch.cat([batch["input"] for batch in data.gallery_dataloader()])
    assert torch.equal(gallery, Digits().load().train["input"][:100])


def test_overfitting_a_batch_repeats_it_without_a_warning() -> None:
    module = Recorder()
    trainer(overfit_batches=1).fit(module, datamodule=digits())
    assert module.seen == [list(range(32))] * 3


def test_limit_caps_each_part_and_moves_the_statistics() -> None:
    data = digits(limit=20)
    assert [len(data.part(name)["target"]) for name in ("train", "val", "test")] == [20] * 3
    assert (data.schema.samples, sum(data.schema.class_counts)) == (20, 20)
    assert DataModule(Digits().load(), 32, limit=10**6).schema == Digits().load().schema


@pytest.mark.parametrize(
    ("batch_size", "sizes"), [("all", [100]), ("auto", [64, 36]), (1000, [100]), (33, [33, 33, 34]), (1, [1] * 100)]
)
def test_batch_sizes(batch_size: int | str, sizes: list[int]) -> None:
    data = DataModule(Digits().load(), batch_size, limit=100)
    assert [len(batch["index"]) for batch in data.train_dataloader()] == sizes


def test_a_single_sample_is_a_batch() -> None:
    (batch,) = DataModule(Digits().load(), 64, limit=1).train_dataloader()
    assert batch["input"].shape == (1, 1, 8, 8)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(UserError) as error:
        digits(views=0, limit=0, num_workers=3)
    assert [problem.given for problem in error.value.problems] == ["data.views=0", "data.limit=0", "data.num_workers=3"]


def test_an_empty_part_is_refused() -> None:
    empty = {"input": torch.zeros(0, 2), "target": torch.zeros(0, dtype=torch.int64)}
    full = {"input": torch.zeros(4, 2), "target": torch.zeros(4, dtype=torch.int64)}
    with pytest.raises(UserError, match="the val part is empty"):
        DataModule(Parts(Schema("class", (2,), 4, classes=2), full, empty, full), 2)


class Letters(Dataset[dict[str, Any]]):
    targets = torch.tensor([0, 1, 1, 1, 0, 1])

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"input": torch.full((1, 8, 8), 255 * index // 5, dtype=torch.uint8), "target": self.targets[index]}


def test_data_out_of_memory_goes_the_same_way() -> None:
    schema = Schema("class", (1, 8, 8), 6, classes=2)
    data = DataModule(Parts(schema, Letters(), Letters(), Letters(), ((0.5,), (0.5,))), 4, limit=4)
    assert (data.schema.samples, data.schema.class_counts) == (4, (1, 3))
    module = Recorder()
    trainer(max_epochs=1).fit(module, datamodule=data)
    assert sorted(chain(*module.seen)) == [0, 1, 2, 3]
    (_, batch), *_ = module.stages
    torch.testing.assert_close(batch["input"][:, 0, 0, 0], torch.tensor([-1, -0.6, -0.2, 0.2]))
    assert batch["index"].tolist() == [0, 1, 2, 3]


class Pairs(Letters):
    def __getitem__(self, index: int) -> dict[str, Any]:
        image = super().__getitem__(index)["input"]
        return {"input": (image, 255 - image), "target": self.targets[index]}


def test_pairs_out_of_memory_are_scaled_as_tuples() -> None:
    data = DataModule(Parts(Schema("pair", (1, 8, 8), 6), Pairs(), Pairs(), Pairs(), ((0.5,), (0.5,))), 3)
    (batch, _) = (data.preparing.training(batch) for batch in data.val_dataloader())
    torch.testing.assert_close(batch["input"][0][:, 0, 0, 0], torch.tensor([-1, -0.6, -0.2]))
    torch.testing.assert_close(batch["input"][1], -batch["input"][0])


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize(("precision", "expected"), [("64-true", torch.float64), ("bf16-true", torch.bfloat16)])
def test_inputs_have_the_precision_of_the_model(precision: str, expected: torch.dtype, dtype: torch.dtype) -> None:
    part = {"input": torch.arange(256).reshape(4, 1, 8, 8).to(dtype), "target": torch.arange(4)}
    data = DataModule(Parts(Schema("class", (1, 8, 8), 4, classes=10), part, part, part, ((0.5,), (0.5,))), 2)
    module = Recorder()
    fitting = trainer(max_epochs=1, precision=precision)
    fitting.fit(module, datamodule=data)
    assert {parameter.dtype for parameter in module.parameters()} == {expected}
    assert {batch["input"].dtype for _, batch in module.stages} == {expected}
    assert {batch["input"].dtype for batch in data.gallery_dataloader()} == {expected}


def test_a_gallery_is_made_once_and_gives_the_same_again() -> None:
    data = digits()
    gallery = data.gallery_dataloader()
    assert data.gallery_dataloader() is gallery
    first, second = (torch.cat([batch["index"] for batch in gallery]) for _ in range(2))
    assert torch.equal(first, torch.arange(100))
    assert torch.equal(first, second)


@pytest.mark.parametrize(
    ("options", "inputs"),
    [({"limit": 1}, 1), ({"batch_size": 1}, 1), ({"limit": 33}, 33), ({"limit": 34}, 2), ({"limit": 1, "views": 2}, 2)],
)
def test_the_fewest_inputs_of_a_training_batch(options: dict[str, Any], inputs: int) -> None:
    batch_size = options.pop("batch_size", 32)
    assert DataModule(Digits().load(), batch_size, augment=[GaussianNoise()], **options).fewest_inputs == inputs


def test_limited_keeps_tuples_together_and_all_where_there_are_fewer() -> None:
    pair = {"input": (torch.arange(5), torch.arange(5)), "target": torch.arange(5)}
    assert [len(column) for column in limited(pair, 3)["input"]] == [3, 3]
    assert limited(pair, 9) is pair


def test_balanced_epochs_and_mixed_batches_are_of_training_alone() -> None:
    parts = Digits(0).load()
    target = parts.train["target"]
    few = {key: torch.cat([column[target != 3], column[target == 3][:5]]) for key, column in parts.train.items()}
    data = DataModule(replace(parts, train=few), 64, mixing=Mixing(mixup=0.2), sampling="balanced")
    seen = torch.cat([batch["target"] for batch in data.train_dataloader()])
    assert len(seen) == len(few["target"])
    assert seen.bincount().max() - seen.bincount().min() <= 1
    assert "larger share" in data.notes[-1]
    batch = next(iter(data.train_dataloader()))
    assert "mix_share" in data.preparing.training(batch)
    assert "mix_share" not in data.preparing.evaluation(batch)
    assert torch.cat([batch["target"] for batch in data.val_dataloader()]).equal(parts.val["target"])
    weighted = DataModule(replace(parts, train={**parts.train, "weight": torch.ones(len(target))}), 64)
    assert "losses are weighted means" in weighted.notes[-1]
    with pytest.raises(UserError, match=r"data\.sampling=balanced"):
        DataModule(Diabetes(0).load(), 64, sampling="balanced")
    with pytest.raises(UserError, match=r"data\.cutmix=1\.0"):
        DataModule(Diabetes(0).load(), 64, mixing=Mixing(cutmix=1.0))
