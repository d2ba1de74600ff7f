"""Training and validation in one chart, and what is measured on validation alone in charts, too."""

from __future__ import annotations

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2

import lossbook


@pytest.mark.parametrize(("loss", "expected"), [("nll", ["acc", "loss"]), ("triplet_margin", ["recall_at_1", "loss"])])
def test_each_metric_gets_one_chart_the_watched_one_first(loss: str, expected: list[str], tmp_path: Path) -> None:
    config = lossbook.compose(f"loss={loss}", "data.limit=64", "trainer=cpu", "trainer.max_epochs=2")
    metrics = lossbook.train(config, tmp_path)
    events = EventAccumulator(str(tmp_path)).Reload()
    stored = events.Tensors("custom_scalars__config__")
    assert len(stored) == 1
    layout = layout_pb2.Layout.FromString(stored[0].tensor_proto.string_val[0])
    charts = {chart.title: list(chart.multiline.tag) for category in layout.category for chart in category.chart}
    assert list(charts)[:1] == expected[:1]
    assert set(charts) == {tag.removeprefix("val/") for tag in metrics if tag.startswith("val/")} >= set(expected)
    assert all(tags == [f"train/{name}$", f"val/{name}$"] for name, tags in charts.items())
