"""Tasks of a user's own, as classes of this test: nothing of ours is changed for them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import lossbook
from lossbook.checkpoints.read import read
from lossbook.config.check import check
from lossbook.config.resolve import plain
from lossbook.errors import UserError
from lossbook.tasks.task import loss_names, of_head, thresholds_of
from lossbook.training.assemble import Assembly, assemble
from lossbook.trust import OWN_CONFIG

OWN = '''
import copy
import torch
from torch import nn
from torch.nn import functional as F
from lossbook.tasks.step import Step
from lossbook.tasks.supervised import Supervised

class Momentum(Supervised):
    """Stays near an exponential moving average of the model."""
    def __init__(self, model, terms, decay=0.9):
        super().__init__(model, terms)
        self.decay = decay
        self.add_network("average", copy.deepcopy(model).requires_grad_(False))
        self.add_term("consistency", 0.5)
    def step(self, batch, turn=""):
        step = super().step(batch)
        with torch.no_grad():
            wanted = self.networks["average"](batch["input"]).softmax(1)
        loss = F.mse_loss(self.model(batch["input"]).softmax(1), wanted)
        step.add("consistency", loss, self.terms["consistency"], len(wanted))
        return step
    def after_step(self):
        with torch.no_grad():
            for own, other in zip(self.networks["average"].parameters(), self.model.parameters()):
                own.lerp_(other, 1 - self.decay)

class Distilled(Supervised):
    """Learns from a frozen teacher, which the config names."""
    def __init__(self, model, terms, make_model, teacher):
        super().__init__(model, terms)
        self.add_network("teacher", teacher.requires_grad_(False).eval())
        self.add_term("distill", 2.0)
    def step(self, batch, turn=""):
        step = super().step(batch)
        wanted = self.networks["teacher"](batch["input"]).softmax(1)
        loss = F.kl_div(self.model(batch["input"]).log_softmax(1), wanted, reduction="batchmean")
        step.add("distill", loss, self.terms["distill"], len(wanted))
        return step

class Teacher(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.layer = nn.Linear(64, 10)
    def forward(self, x):
        return self.layer(x.flatten(1))

class Adversarial(Supervised):
    """The model hides from a critic whether a digit is even, and the critic finds out."""
    optimizers = {"model": ("model", "objective"), "critic": ("critic",)}
    def __init__(self, model, terms, make_model):
        super().__init__(model, terms)
        self.add_network("critic", nn.Linear(10, 1))
        self.add_term("hiding", -0.1)
        self.add_term("finding", 1.0)
    def step(self, batch, turn=""):
        scores = self.model(batch["input"])
        even = (batch["target"] % 2 == 0).float()[:, None]
        found = F.binary_cross_entropy_with_logits(self.networks["critic"](scores), even)
        step = Step(scores.new_zeros(()), {}) if turn == "critic" else self.losses({"": (scores, None)}, batch)
        if turn in ("critic", ""):
            step.add("finding", found, 1.0, len(even))
        if turn in ("model", ""):
            step.add("hiding", found, -0.1, len(even))
        return step
'''
SMALL = (
    "scheduler=none",
    "data.limit=96",
    "data.batch_size=32",
    "model=mlp",
    "model.hidden=[16]",
    "model.dropout=0.0",
    "trainer=cpu",
)


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("own")
    (folder / "own_tasks.py").write_text(OWN)
    tasks = {
        "momentum": "{_target_: own_tasks.Momentum, decay: 0.9}",
        "distill": "{_target_: own_tasks.Distilled, teacher: {_target_: own_tasks.Teacher}}",
        "adversarial": "{_target_: own_tasks.Adversarial}",
    }
    (folder / "conf" / "task").mkdir(parents=True)
    for name, text in tasks.items():
        (folder / "conf" / "task" / f"{name}.yaml").write_text(text)
    sys.path.insert(0, str(folder))
    yield folder / "conf"
    sys.path.remove(str(folder))
    sys.modules.pop("own_tasks", None)


def assembled(conf: Path, *overrides: str) -> Assembly:
    values = plain(lossbook.compose(*SMALL, *overrides, config_dir=conf))
    return assemble(values, check(values), OWN_CONFIG)


def train(conf: Path, folder: Path, *overrides: str) -> tuple[dict[str, float], dict[str, torch.Tensor]]:
    metrics = lossbook.train(lossbook.compose(*SMALL, "seed=4", *overrides, config_dir=conf), folder)
    return metrics, read(folder / "checkpoints" / "last.ckpt")["state_dict"]


@pytest.mark.parametrize("task", ["momentum", "distill", "adversarial"])
def test_a_resumed_run_has_the_weights_of_one_that_was_not_cut(conf: Path, tmp_path: Path, task: str) -> None:
    whole, weights = train(conf, tmp_path / "whole", f"task={task}", "trainer.max_epochs=3")
    train(conf, tmp_path / "cut", f"task={task}", "trainer.max_epochs=3", "trainer.max_steps=4")
    ckpt = f"ckpt={tmp_path / 'cut' / 'checkpoints' / 'last.ckpt'}"
    config = lossbook.compose(ckpt, "trainer.max_steps=-1", config_dir=conf)
    resumed = lossbook.train(config, tmp_path / "resumed")
    after = read(tmp_path / "resumed" / "checkpoints" / "last.ckpt")["state_dict"]
    assert weights.keys() == after.keys()
    assert all(torch.equal(weights[name], after[name]) for name in weights)
    assert resumed == whole


def test_a_momentum_encoder_follows_the_model(conf: Path, tmp_path: Path) -> None:
    metrics, weights = train(conf, tmp_path / "a", "task=momentum", "task.decay=0.0", "trainer.max_epochs=2")
    names = [name for name in weights if name.startswith("average.") and name.endswith(("weight", "bias"))]
    assert names
    assert all(torch.equal(weights[name], weights[f"model.{name.removeprefix('average.')}"]) for name in names)
    terms = metrics["train/loss_supervised"] + 0.5 * metrics["train/loss_consistency"]
    assert metrics["train/loss"] == pytest.approx(terms)
    _, frozen = train(conf, tmp_path / "b", "task=momentum", "task.decay=1.0", "trainer.max_epochs=2")
    start = assembled(conf, "task=momentum", "seed=4").module.state_dict()
    assert all(torch.equal(frozen[name], start[name]) for name in names)


def test_a_frozen_teacher_stays_what_it_was(conf: Path, tmp_path: Path) -> None:
    metrics, weights = train(conf, tmp_path, "task=distill", "trainer.max_epochs=2")
    torch.manual_seed(3)
    teacher = nn.Linear(64, 10)
    assert torch.equal(weights["teacher.layer.weight"], teacher.weight)
    assert metrics["val/loss"] == pytest.approx(metrics["val/loss_supervised"] + 2 * metrics["val/loss_distill"])
    groups = assembled(conf, "task=distill").groups
    assert not any(name.startswith("teacher") for group in groups for name, _ in group["params"])


def test_two_optimizers_in_turn_are_a_loop_by_hand(conf: Path, tmp_path: Path) -> None:
    plain_sgd = ("optim=sgd", "optim.lr=0.1", "optim.momentum=0.0", "scheduler=none", "param_groups=all")
    options = ("task=adversarial", *plain_sgd, "trainer.max_epochs=1", "model.batch_norm=false")
    made = assembled(conf, "seed=4", *options)
    model, critic = made.module.model, made.module.critic
    descend = torch.optim.SGD(model.parameters(), 0.1), torch.optim.SGD(critic.parameters(), 0.1)
    for batch in made.data.train_dataloader():
        x, target = batch["input"], batch["target"]
        even = (target % 2 == 0).float()[:, None]
        for turn, optimizer in enumerate(descend):
            scores = model(x)
            found = F.binary_cross_entropy_with_logits(critic(scores), even)
            loss = found if turn else F.cross_entropy(scores, target) - 0.1 * found
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    _, weights = train(conf, tmp_path, *options)
    for part, network in (("model", model), ("critic", critic)):
        for name, value in network.state_dict().items():
            torch.testing.assert_close(weights[f"{part}.{name}"], value, rtol=1e-5, atol=1e-6)


def test_what_does_not_go_with_turns_is_refused(conf: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="take turns at each batch"):
        assembled(conf, "task=adversarial", "trainer.accumulate_grad_batches=2")
    with pytest.raises(UserError, match="several times a step"):
        assembled(conf, "task=adversarial", "optim=lbfgs")


def test_a_task_must_be_one(conf: Path) -> None:
    with pytest.raises(UserError, match=r"lossbook\.tasks\.task\.Task"):
        assembled(conf, "task._target_=torch.nn.Identity")


def test_names_of_losses() -> None:
    assert loss_names([""]) == {"loss": ""}
    assert loss_names(["dice"]) == {"loss": "dice"}
    assert loss_names(["", "distill"]) == {"loss_supervised": "", "loss_distill": "distill"}


def test_the_batch_of_a_head_has_its_target() -> None:
    batch = {"input": 0, "digit": 1, "digit_lengths": 2, "even": 3, "index": 4}
    own = of_head(batch, "digit")
    assert (own["target"], own["target_lengths"], own["input"], own["index"]) == (1, 2, 0, 4)
    assert of_head(batch, "") is batch


def test_thresholds_belong_to_a_head() -> None:
    chosen = {"labels_f1": 0.5, "labels_temperature": 1.5, "kind_temperature": 2.0}
    assert thresholds_of(chosen, "labels") == {"f1": 0.5, "temperature": 1.5}
    assert thresholds_of(chosen, "kind") == {"temperature": 2.0}
    assert thresholds_of({"f1": 0.5}, "") == {"f1": 0.5}
