from __future__ import annotations

import pytest
import torch
from scipy.stats import entropy
from torch import tensor
from torch.nn import functional as F

from lossbook.data.schema import Schema
from lossbook.targets.distributions import Distribution

SCHEMA = Schema("distribution", (1,), 10, classes=3)
TARGET = tensor([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]], dtype=torch.float64)


def test_encode():
    assert torch.equal(Distribution(SCHEMA).encode(TARGET), TARGET.float())
    logs = Distribution(SCHEMA, log_target=True).encode(TARGET)
    assert logs.isfinite().all()
    torch.testing.assert_close(logs.exp(), TARGET.float())


def test_logarithms_give_the_same_divergence():
    scores = torch.randn(2, 3).log_softmax(1)
    plain = F.kl_div(scores, Distribution(SCHEMA).encode(TARGET), reduction="batchmean")
    log = F.kl_div(scores, Distribution(SCHEMA, log_target=True).encode(TARGET), reduction="batchmean", log_target=True)
    torch.testing.assert_close(plain, log)


@pytest.mark.parametrize("activated", [False, True])
def test_metrics(activated):
    logits = torch.randn(2, 3) * 3
    scores = logits.log_softmax(1) if activated else logits
    measures = Distribution(SCHEMA).measures()
    found = {}
    for name, measure in measures.items():
        measure.metric.update(*measure.view(scores, TARGET))
        found[name] = float(measure.metric.compute())
    divergence = entropy(TARGET.numpy(), logits.softmax(1).numpy(), axis=1).mean()
    accuracy = (logits.argmax(1) == TARGET.argmax(1)).float().mean()
    assert found == pytest.approx({"acc": float(accuracy), "kl": float(divergence)}, abs=1e-5)
