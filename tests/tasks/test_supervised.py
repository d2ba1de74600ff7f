"""Sums of losses on one and two targets, against torch's functional forms on the weights of the checkpoint."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, jaccard_score, mean_absolute_error
from torch import Tensor
from torch.nn import functional as F

import lossbook
from lossbook.checkpoints.read import read
from lossbook.config.check import check
from lossbook.config.resolve import plain
from lossbook.errors import UserError
from lossbook.training.assemble import Assembly, assemble
from lossbook.trust import OWN_CONFIG

SHORT = ("data.limit=70", "data.batch_size=32", "trainer=cpu", "scheduler=none", "logger=none", "seed=3")
SUM = (*SHORT, "loss=sum", "trainer.max_epochs=1", "model.channels=[4]")
TWO = (*SHORT, "loss=sum", "data=scene_targets", "model=mlp", "model.hidden=[16]", "trainer.max_epochs=1")
OWN_MODEL = tuple(one for one in TWO if not one.startswith("model"))
HEADS = "loss.terms={labels: {loss: bce_logits}, count: {loss: mse, weight: 0.3}}"
MODELS = """
from torch import nn

class ByHead(nn.Module):
    def __init__(self, heads):
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(576, 8), nn.ReLU())
        self.heads = nn.ModuleDict({name: nn.Linear(8, width) for name, width in heads.items()})
    def forward(self, input):
        features = self.body(input)
        return {name: head(features) for name, head in self.heads.items()}

class OneHead(ByHead):
    def forward(self, input):
        return {"labels": super().forward(input)["labels"]}

class TooWide(nn.Module):
    def __init__(self, output_size):
        super().__init__()
        self.layer = nn.Linear(576, output_size + 1)
    def forward(self, input):
        return self.layer(input.flatten(1))
"""


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("models")
    (folder / "models_by_head.py").write_text(MODELS)
    (folder / "conf" / "model").mkdir(parents=True)
    for name in ("ByHead", "OneHead", "TooWide"):
        (folder / "conf" / "model" / f"{name}.yaml").write_text(f"_target_: models_by_head.{name}")
    sys.path.insert(0, str(folder))
    yield folder / "conf"
    sys.path.remove(str(folder))
    sys.modules.pop("models_by_head", None)


def assembled(*overrides: str, conf: Path | None = None) -> Assembly:
    values = plain(lossbook.compose(*overrides, config_dir=conf))
    return assemble(values, check(values), OWN_CONFIG)


def train(folder: Path, *overrides: str, conf: Path | None = None) -> tuple[dict[str, float], dict[str, Tensor]]:
    metrics = lossbook.train(lossbook.compose(*overrides, config_dir=conf), folder)
    return metrics, read(folder / "checkpoints" / "last.ckpt")["state_dict"]


def outputs(
    state: dict[str, Tensor], part: str, *overrides: str, conf: Path | None = None
) -> tuple[Any, dict[str, Tensor]]:
    """The model's output with these weights on a whole part, and the targets."""
    made = assembled(*overrides, conf=conf)
    made.module.load_state_dict(state)
    made.module.eval()
    batches = list(getattr(made.data, f"{part}_dataloader")())
    assert len({len(batch["input"]) for batch in batches}) > 1  # uneven
    with torch.no_grad():
        found = [made.module.model(batch["input"]) for batch in batches]
    targets = {key: torch.cat([batch[key] for batch in batches]) for key in batches[0] if key != "index"}
    if isinstance(found[0], dict):
        return {key: torch.cat([one[key] for one in found]) for key in found[0]}, targets
    return torch.cat(found), targets


def dice(probability: np.ndarray, target: np.ndarray) -> float:
    """The mean over samples of that over the classes that each holds."""
    of_samples = []
    for p, y in zip(probability, target, strict=True):
        each = [1 - 2 * p[c][y == c].sum() / (p[c].sum() + (y == c).sum()) for c in np.unique(y)]
        of_samples.append(np.mean(each))
    return float(np.mean(of_samples))


@pytest.fixture(scope="module")
def summed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, float], dict[str, Tensor]]:
    folder = tmp_path_factory.mktemp("sum")
    terms = "loss.terms={cross_entropy: 0.75, dice: 2.0}"
    return folder, *train(folder, *SUM, terms)


@pytest.mark.parametrize("part", ["val", "test"])
def test_each_term_is_that_of_the_whole_part(summed: Any, part: str) -> None:
    """Each with its own activation: dice takes probabilities, cross_entropy raw scores."""
    _, metrics, state = summed
    scores, targets = outputs(state, part, *SUM)
    target = targets["target"]
    entropy = float(F.cross_entropy(scores, target))
    overlap = dice(scores.double().softmax(1).numpy(), target.numpy())
    assert metrics[f"{part}/loss_cross_entropy"] == pytest.approx(entropy, rel=1e-5)
    assert metrics[f"{part}/loss_dice"] == pytest.approx(overlap, rel=1e-5)
    assert metrics[f"{part}/loss"] == pytest.approx(0.75 * entropy + 2 * overlap, rel=1e-5)
    seen = np.union1d(target.numpy(), scores.argmax(1).numpy())
    iou = jaccard_score(target.flatten(), scores.argmax(1).flatten(), average="macro", labels=seen)
    assert metrics[f"{part}/iou"] == pytest.approx(iou, abs=1e-6)


def test_evaluating_gives_the_metrics_of_the_run(summed: Any) -> None:
    folder, metrics, _ = summed
    found = lossbook.evaluate(lossbook.compose(f"ckpt={folder / 'checkpoints' / 'best.ckpt'}"))
    assert found == pytest.approx({tag: value for tag, value in metrics.items() if tag.startswith("test/")})


def test_a_step_descends_the_weighted_sum(tmp_path: Path) -> None:
    """One step of plain SGD on all samples is that of a loop by hand."""
    sgd = ("optim=sgd", "optim.lr=0.1", "optim.momentum=0.0", "param_groups=all", "data.batch_size=all")
    options = (*SUM, *sgd, "loss.terms={cross_entropy: 0.5, dice: 3.0}")
    made = assembled(*options)
    model = made.module.model.train()
    (batch,) = made.data.train_dataloader()
    scores, target = model(batch["input"]), batch["target"]
    p, y = scores.softmax(1).flatten(2), F.one_hot(target.flatten(1), 11).movedim(2, 1)
    there = (y.sum(2) > 0).float()
    each = (1 - 2 * (p * y).sum(2) / (p.sum(2) + y.sum(2))) * there
    loss = 0.5 * F.cross_entropy(scores, target) + 3 * (each.sum(1) / there.sum(1)).mean()
    loss.backward()
    wanted = {name: value.detach() - 0.1 * value.grad for name, value in model.named_parameters()}
    metrics, state = train(tmp_path, *options)
    assert metrics["train/loss"] == pytest.approx(float(loss.detach()), rel=1e-5)
    for name, value in wanted.items():
        torch.testing.assert_close(state[f"model.{name}"], value, rtol=1e-4, atol=1e-6)


def test_a_resumed_sum_is_that_of_a_run_that_was_not_cut(tmp_path: Path) -> None:
    """Cut within an epoch: the sums of every term go on."""
    options = (*SUM, "trainer.max_epochs=2")
    whole, weights = train(tmp_path / "whole", *options)
    train(tmp_path / "cut", *options, "trainer.max_steps=4")
    ckpt = f"ckpt={tmp_path / 'cut' / 'checkpoints' / 'last.ckpt'}"
    resumed, after = train(tmp_path / "resumed", ckpt, "trainer.max_steps=-1")
    assert resumed == whole
    assert all(torch.equal(weights[name], after[name]) for name in weights)


def terms_of(*overrides: str) -> dict[str, float]:
    terms: dict[str, Any] = plain(lossbook.compose(*overrides))["loss"]["terms"]
    return {name: term["weight"] for name, term in terms.items()}


def test_terms_of_the_command_line_replace_those_before_them(summed: Any) -> None:
    one = "loss.terms={labels: {loss: bce_logits}, count: {loss: mse, weight: 3}}"
    assert terms_of("experiment=two_heads", one) == {"labels": 1, "count": 3}
    ckpt = f"ckpt={summed[0] / 'checkpoints' / 'last.ckpt'}"
    assert terms_of(ckpt) == {"cross_entropy": 0.75, "dice": 2}
    assert terms_of(ckpt, "loss.terms={dice: 1.5}") == {"dice": 1.5}
    assert terms_of(ckpt, "loss.terms.dice.weight=1.5") == {"cross_entropy": 0.75, "dice": 1.5}


def test_a_term_may_change_what_it_accepts() -> None:
    made = assembled(*TWO, "loss.terms={labels: {loss: bce_logits}, count: {loss: mse, accepts: {count: plain}}}")
    assert type(made.task.objectives["count"].encoding).__name__ == "Numbers"
    criterion = "{criterion: {_target_: lossbook.losses.criteria.dice.DiceLoss}, accepts: {mask: index}, weight: 2}"
    assert terms_of(*SUM, f"loss.terms={{mine: {criterion}}}") == {"mine": 2}


REFUSED = {
    "{cross_entropi: 1}": ["no loss 'cross_entropi'", "{cross_entropy: 1.0}"],
    "{cross_entropy: 0}": ["loss.terms.cross_entropy.weight=0", "above 0"],
    "{cross_entropy: -1}": ["loss.terms.cross_entropy.weight=-1", "above 0"],
    "{cross_entropy: true}": ["loss.terms.cross_entropy=true", "weight"],
    "{cross_entropy: abc}": ["loss.terms.cross_entropy=abc", "weight"],
    "{cross_entropy: {weight: true}}": ["loss.terms.cross_entropy.weight=true", "above 0"],
    "{cross_entropy: {weight: .nan}}": ["loss.terms.cross_entropy.weight", "above 0"],
    "{cross_entropy: {weight: .inf}}": ["loss.terms.cross_entropy.weight", "above 0"],
    "{cross_entropy: {weight: abc}}": ["loss.terms.cross_entropy.weight=abc", "above 0"],
    "{}": ["loss.terms={}", "mapping"],
    "[dice]": ["loss.terms=[dice]", "mapping"],
    "{cross_entropy: 1, mse: 1}": ["mse takes value", "cross_entropy takes mask as index"],
    "{cross_entropy: 1, bce_logits: 1}": ["bce_logits takes mask as one_hot", "same encoding"],
    "{cross_entropy: {criterion: {reduction: sum}}, dice: 1}": ["reduction sum and mean"],
    "{cross_entropy: {criterion: {ignore_index: 3}}, dice: 1}": ["ignore_index (cross_entropy: 3, dice: -100)"],
    "{sum: 1}": ["no loss 'sum'"],
    "{a: {loss: sum}}": ["loss.terms.a", "no loss 'sum'"],
    "{a-b: {loss: dice}}": ["'a-b'", "word"],
    "{1: {loss: dice}}": ["'1'", "word"],
    "{keys: {loss: dice}, cross_entropy: 1}": ["'keys'", "keys_2"],
    "{step: {loss: dice}, cross_entropy: 1}": ["'step'", "loss_step"],
    "{dice: {target: foo}}": ["loss.terms.dice.target=foo", "one target"],
    "{dice: {target: foo}, cross_entropy: 1}": ["loss.terms.dice.target=foo", "one target"],
    "{dice: {criterion: {smoth: 1}}}": ["loss.terms.dice.criterion.smoth=1", "criterion.smooth=1"],
    "{info_nce: 1, dice: 1}": ["views (info_nce: 2, dice: 1)"],
}


@pytest.mark.parametrize("terms", REFUSED)
def test_what_is_no_sum_is_refused_by_name(terms: str) -> None:
    with pytest.raises(UserError) as caught:
        assembled(*SUM, f"loss.terms={terms}")
    assert all(words in str(caught.value) for words in REFUSED[terms]), str(caught.value)


def test_terms_of_different_widths_are_refused() -> None:
    two = "{loss: bce_logits, accepts: {class: {name: one_hot, binary: false}}}"
    with pytest.raises(UserError, match=r"outputs \(a: 1, b: 2\)"):
        assembled(*SHORT, "loss=sum", "data=breast_cancer", f"loss.terms={{a: {{loss: bce_logits}}, b: {two}}}")


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ("{labels: {loss: bce_logits}}", "Every target needs a term"),
        ("{labels: {loss: bce_logits}, count: {loss: ctc}}", "Every target needs a term"),
        ("{labels: {loss: bce_logits}, count: 1}", "no loss 'count'"),
        (  # an output cannot be a standardised value and a logarithm
            "{labels: {loss: bce_logits}, count: {loss: mse}, rate: {loss: poisson_nll, target: count}}",
            "encodings (count: standardised, rate: rates)",
        ),
        ("{labels: {loss: bce_logits}, count: {loss: mse}, x: {loss: mse, target: coun}}", "x.target=count"),
        ("{labels: {loss: bce_logits}, count: {loss: mse}, x: {loss: mse}}", "targets of this data are labels, count"),
    ],
)
def test_every_target_has_a_term_and_every_term_a_target(terms: str, words: str) -> None:
    with pytest.raises(UserError) as caught:
        assembled(*TWO, f"loss.terms={terms}")
    assert words in str(caught.value)


@pytest.mark.parametrize("model", ["mlp", "ByHead"])
def test_two_targets(tmp_path: Path, conf: Path, model: str) -> None:
    options = (*TWO, HEADS) if model == "mlp" else (*OWN_MODEL, f"model={model}", HEADS)
    metrics, state = train(tmp_path, *options, conf=conf)
    found, targets = outputs(state, "val", *options, conf=conf)
    labels, count = (found["labels"], found["count"]) if model == "ByHead" else (found[:, :10], found[:, 10:])
    schema = assembled(*options, conf=conf).data.schema.targets["count"]
    number = count * schema.scale[0] + schema.mean[0]
    precision = average_precision_score(targets["labels"].numpy(), labels.double().numpy(), average="macro")
    assert metrics["val/labels_map"] == pytest.approx(precision, abs=1e-6)
    assert metrics["val/count_mae"] == pytest.approx(mean_absolute_error(targets["count"], number), rel=1e-5)
    bce = float(F.binary_cross_entropy_with_logits(labels, targets["labels"].float()))
    mse = float(F.mse_loss(count, (targets["count"] - schema.mean[0]) / schema.scale[0]))
    assert metrics["val/loss_labels"] == pytest.approx(bce, rel=1e-5)
    assert metrics["val/loss_count"] == pytest.approx(mse, rel=1e-5)
    assert metrics["val/loss"] == pytest.approx(bce + 0.3 * mse, rel=1e-5)
    ckpt = f"ckpt={tmp_path / 'checkpoints' / 'best.ckpt'}"
    tested = lossbook.evaluate(lossbook.compose(ckpt, config_dir=conf))
    assert tested == pytest.approx({tag: value for tag, value in metrics.items() if tag.startswith("test/")})


@pytest.mark.parametrize(("model", "words"), [("TooWide", "labels 10, count 1"), ("OneHead", "a dict of labels")])
def test_a_model_that_does_not_give_the_heads_is_refused(conf: Path, model: str, words: str) -> None:
    with pytest.raises(UserError) as caught:
        assembled(*OWN_MODEL, HEADS, f"model={model}", conf=conf)
    assert words in str(caught.value)


def test_a_plain_loss_on_two_targets_watches_what_it_is_told() -> None:
    options = [one for one in TWO if one != "loss=sum"]
    assert assembled(*options, "loss=mse").module.primary == ("val/loss", "min")
    told = assembled(*options, "loss=mse", "+loss.primary.several=count_mae")
    assert told.module.primary == ("val/count_mae", "min")
    both = assembled(*options, "loss=mse", "+loss.primary.several={name: labels_map, mode: max}")
    assert both.module.primary == ("val/labels_map", "max")
    with pytest.raises(UserError, match="labels_map"):
        assembled(*options, "loss=mse", "+loss.primary.several=labels_mapp")
