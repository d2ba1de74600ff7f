"""Training and validation in one chart."""

from __future__ import annotations

from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2

import lossbook


def test_each_figure_that_both_parts_have_gets_one_chart(tmp_path: Path) -> None:
    config = lossbook.compose("loss=nll", "data.limit=64", "trainer=cpu", "trainer.max_epochs=2")
    lossbook.train(config, tmp_path)
    events = EventAccumulator(str(tmp_path)).Reload()
    stored = events.Tensors("custom_scalars__config__")
    assert len(stored) == 1
    layout = layout_pb2.Layout.FromString(stored[0].tensor_proto.string_val[0])
    charts = {chart.title: list(chart.multiline.tag) for category in layout.category for chart in category.chart}
    assert charts == {"loss": ["train/loss$", "val/loss$"], "acc": ["train/acc$", "val/acc$"]}
