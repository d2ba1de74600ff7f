"""A folder of a user's own options, beside ours."""

from __future__ import annotations

from pathlib import Path

import pytest

OPTIONS = {
    "loss/focal": """
        defaults:
          - override /data@_global_.data: digit_lines
          - _self_
        criterion: {_target_: torchvision.ops.sigmoid_focal_loss, alpha: 0.25, gamma: 2.0, reduction: mean}
        activation: none
        accepts: {multilabel: one_hot}
        """,
    "loss/broken": "criterion: {a: [1\n",
    "loss/greedy": "defaults:\n  - /data@_global_.data: mnist\n",
    "optim/warm": "defaults:\n  - adam\n  - _self_\n  - override /data@_global_.data: diabetes\nlr: 0.5\n",
    "experiment/lines": """
        # @package _global_
        defaults:
          - override /loss: ctc
          - override /optim: sgd
        seed: 3
        optim: {lr: 0.5}
        """,
    "experiment/typos": """
        # @package _global_
        optim: {lrr: 0.5}
        sed: 3
        trainer: {max_epochs: many}
        """,
    "experiment/headless": "optim: {lr: 0.5}\n",
}


@pytest.fixture(scope="session")
def config_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from textwrap import dedent

    folder = tmp_path_factory.mktemp("my_conf")
    for name, content in OPTIONS.items():
        path = folder / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(dedent(content).lstrip("\n"))
    (folder / "loss" / "short.yml").write_text("{}")
    return folder
