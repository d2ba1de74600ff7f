from __future__ import annotations

import math

import pytest
import torch
from torch import tensor
from torch.nn import functional as F

from lossbook.errors import UserError

QUERY, KEY = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(0)).unbind()
LABELS = tensor([0, 1, 0, 2, 1, 1])


def test_labels_serve_evaluation_alone(objective):
    bound = objective("class", "loss=info_nce")
    first = bound((QUERY, KEY), {"target": LABELS})
    second = bound((QUERY, KEY), {"target": LABELS.flip(0)})
    assert torch.equal(first.loss, second.loss)
    assert torch.equal(first.target, LABELS)
    assert torch.equal(first.scores, QUERY)


def test_unless_they_name_the_positives(objective):
    bound = objective("class", "loss=info_nce", "loss.pairing.positives=labels")
    first = bound((QUERY, KEY), {"target": LABELS}).loss
    assert not torch.equal(first, bound((QUERY, KEY), {"target": LABELS.flip(0)}).loss)
    torch.testing.assert_close(first, bound.criterion(QUERY, KEY, LABELS))


def test_the_clean_input_is_what_evaluation_sees(objective):
    clean = torch.randn(6, 4)
    step = objective("class", "loss=info_nce")((QUERY, KEY, clean), {"target": LABELS})
    assert torch.equal(step.scores, clean)
    torch.testing.assert_close(step.loss, objective("none", "loss=info_nce")((QUERY, KEY), {}).loss)


@pytest.mark.parametrize(("mode", "among"), [("one_way", 6), ("symmetric", 6), ("both_views", 11)])
def test_metrics(objective, mode, among):
    overrides = ("loss=info_nce", f"loss.criterion.mode={mode}", "loss.criterion.temperature=0.2")
    metrics = objective("none", *overrides)((QUERY, KEY), {}).metrics
    q, k = F.normalize(QUERY, dim=1), F.normalize(KEY, dim=1)
    others = [(q[i] - q[j]).square().sum() for i in range(6) for j in range(i)]
    expected = {
        "chance": math.log(among),
        "temperature": 0.2,
        "alignment": (q - k).square().sum(1).mean(),
        "uniformity": torch.stack(others).mul(-2).exp().mean().log(),
    }
    assert {name: float(metrics[name]) for name in expected} == pytest.approx(
        {name: float(value) for name, value in expected.items()}, abs=1e-5
    )
    hits = 0
    for i in range(6):
        rivals = [float(q[i] @ k[j]) for j in range(6)]
        if mode == "both_views":
            rivals += [float(q[i] @ q[j]) for j in range(6) if j != i]
        hits += float(q[i] @ k[i]) >= max(rivals)
    assert float(metrics["top1"]) == pytest.approx(hits / 6)


def test_equal_embeddings_stand_at_chance(objective):
    for mode in ("one_way", "symmetric", "both_views"):
        step = objective("none", "loss=info_nce", f"loss.criterion.mode={mode}")(
            (torch.ones(6, 4), torch.ones(6, 4)), {}
        )
        torch.testing.assert_close(step.loss, step.metrics["chance"])


def test_given_pairs_that_belong_together_find_each_other(objective):
    same = tensor([1, 0, 1, 1, 0, 1])
    bound = objective("pair", "loss=info_nce")
    step = bound((QUERY, KEY), {"target": same})
    torch.testing.assert_close(step.loss, bound.criterion(QUERY[same > 0], KEY[same > 0]))
    assert step.weight == 4
    assert torch.equal(step.target, same)
    cosine = F.cosine_similarity(QUERY, KEY)
    assert torch.equal(step.scores.argsort(), (-cosine).argsort())


def test_a_batch_of_one_has_no_negatives(objective):
    with pytest.raises(UserError, match="two at least"):
        objective("none", "loss=info_nce")((torch.randn(1, 4), torch.randn(1, 4)), {})


@pytest.mark.parametrize("same", [[0, 1, 0], [0, 0, 0]])
def test_a_batch_with_fewer_than_two_positives_by_chance_counts_for_nothing(objective, same):
    sides = torch.randn(3, 4, requires_grad=True), torch.randn(3, 4, requires_grad=True)
    step = objective("pair", "loss=info_nce")(sides, {"target": tensor(same)})
    step.loss.backward()
    assert (step.loss.item(), step.weight, step.metrics) == (0, 0, {})
    assert all((side.grad == 0).all() for side in sides)
    torch.testing.assert_close(step.scores, (F.normalize(sides[0]) - F.normalize(sides[1])).norm(dim=1))


@pytest.mark.parametrize("training", [True, False])
def test_in_training_a_part_of_a_large_batch_tells_its_metrics(objective, training):
    query, key = torch.randn(2, 200, 3).unbind()
    with torch.set_grad_enabled(training):
        metrics = objective("none", "loss=info_nce")((query, key), {}).metrics
    similarity = F.cosine_similarity(query[:, None], key, dim=2)
    hits = (similarity.argmax(1) == torch.arange(200))[: 128 if training else 200]
    assert float(metrics["top1"]) == pytest.approx(float(hits.double().mean()))
