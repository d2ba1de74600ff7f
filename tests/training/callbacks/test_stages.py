from __future__ import annotations

from types import SimpleNamespace

import lightning
import pytest
import torch
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lossbook.errors import UserError
from lossbook.training.callbacks.stages import Stages

pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning", "ignore:.*does not have many workers")
STEPS = 4  # an epoch


class Module(lightning.LightningModule):
    """A body with a norm, frozen for a while, and a head; notes after each step which of them have moved."""

    def __init__(self, until, weight_decay=0.1):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
        self.head = nn.Linear(4, 1)
        self.until = until
        self.moved, self.running = [], []
        self.weight_decay = weight_decay

    def configure_optimizers(self):
        trained = [(name, each) for name, each in self.body.named_parameters() if each.requires_grad]
        body = {"params": trained, "frozen_until": self.until, "lr": 0.05}
        head = {"params": list(self.head.named_parameters())}
        return torch.optim.AdamW([body, head], lr=0.1, weight_decay=self.weight_decay)

    def training_step(self, batch, batch_idx):
        self.before = [p.detach().clone() for p in self.parameters()]
        return self.head(self.body(batch[0])).square().mean()

    def on_train_batch_end(self, outputs, batch, batch_idx):
        changed = [not torch.equal(old, new) for old, new in zip(self.before, self.parameters(), strict=True)]
        self.moved.append((all(changed[:4]), any(changed[:4]), all(changed[4:])))
        self.running.append(self.body[1].running_mean.clone())


def fit(until, epochs=3, callbacks=None, prepare=lambda module: None, **options):
    torch.manual_seed(0)
    module = Module(until)
    prepare(module)
    data = TensorDataset(torch.randn(8, 3) + 1)
    trainer = lightning.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        callbacks=[Stages()] if callbacks is None else callbacks,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **options,
    )
    trainer.fit(module, DataLoader(data, batch_size=2))
    return module


@pytest.mark.parametrize(
    ("until", "first"),
    [(["epoch", 1], STEPS), (["step", 6], 6), (["share", 0.5], 6), (["step", 0], 0), (["epoch", 9], 3 * STEPS)],
)
def test_a_group_joins_at_its_time_and_not_before(until, first):
    module = fit(until)
    assert [moved[1] for moved in module.moved] == [False] * first + [True] * (3 * STEPS - first)
    assert all(moved[0] == moved[1] and moved[2] for moved in module.moved)


def test_a_frozen_norm_keeps_its_running_statistics():
    module = fit(["epoch", 1])
    assert all(torch.equal(mean, torch.zeros(4)) for mean in module.running[:STEPS])
    assert not torch.equal(module.running[STEPS], torch.zeros(4))


def test_after_the_run_the_norm_is_as_it_was():
    assert fit(["epoch", 9]).body[1].training


def test_a_norm_that_is_frozen_for_good_keeps_its_running_statistics_and_others_do_not():
    module = fit(["step", 0], prepare=lambda module: module.body[1].requires_grad_(False))
    assert all(torch.equal(mean, torch.zeros(4)) for mean in module.running)
    halfway = fit(["step", 0], prepare=lambda module: module.body[1].bias.requires_grad_(False))
    assert not torch.equal(halfway.running[-1], torch.zeros(4))


@pytest.mark.filterwarnings("ignore:Found 1 module.* in eval mode")
def test_a_norm_that_the_model_keeps_in_evaluation_stays_there():
    module = fit(["epoch", 1], prepare=lambda module: module.body[1].eval())
    assert torch.equal(module.running[-1], torch.zeros(4))
    assert not module.body[1].training


def test_a_share_of_a_run_without_an_end_is_refused():
    with pytest.raises(UserError, match=r"until_share: 0\.5 in a run without an end"):
        fit(["share", 0.5], epochs=-1)


def test_a_strategy_for_several_processes_counts_though_there_be_one():
    trainers = [SimpleNamespace(strategy=each, world_size=1) for each in (DDPStrategy(), SingleDeviceStrategy("cpu"))]
    assert [Stages()._several(trainer) for trainer in trainers] == [True, False]


def test_a_stage_is_where_its_counter_is_after_validation_within_an_epoch():
    module = Module(["step", 3])
    module.validation_step = lambda batch, batch_idx: None
    data = DataLoader(TensorDataset(torch.randn(8, 3)), batch_size=2)
    trainer = lightning.Trainer(
        max_epochs=2, val_check_interval=2, accelerator="cpu", callbacks=[Stages()], logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
    )  # fmt: skip
    trainer.fit(module, data, data)
    assert [moved[1] for moved in module.moved] == [False] * 3 + [True] * 5


class Several(Stages):
    """As among several processes, whose reducer expects a gradient from every parameter that it was told of."""

    def _several(self, trainer):
        return True


def test_among_several_processes_gradients_are_dropped_and_no_parameter_is_switched_off():
    module = fit(["step", 6], callbacks=[Several()])
    assert [moved[1] for moved in module.moved] == [False] * 6 + [True] * 6
    assert all(parameter.requires_grad for parameter in module.parameters())


def test_both_ways_train_the_same_weights():
    one, other = fit(["step", 6]), fit(["step", 6], callbacks=[Several()])
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
