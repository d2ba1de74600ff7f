"""Whose config it is decides what it may build."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import lossbook
from lossbook.checkpoint import read
from lossbook.errors import UserError
from lossbook.run.trusting import trust_of
from lossbook.trust import OWN_CONFIG, Trust

SHORT = ("data.limit=48", "data.batch_size=24", "trainer=cpu", "trainer.max_epochs=1", "logger=none")


def test_only_a_checkpoints_config_is_a_strangers() -> None:
    assert trust_of({"ckpt": None}) is OWN_CONFIG
    assert trust_of({"ckpt": "x.ckpt"}) == Trust(())
    assert trust_of({"ckpt": "x.ckpt", "trust": ["mine.Net"]}) == Trust(("mine.Net",))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("run")
    lossbook.train(lossbook.compose("loss=nll", *SHORT), folder)
    return read(folder / "checkpoints" / "last.ckpt")


@pytest.mark.parametrize("group", ["model", "criterion", "source", "optim", "callbacks"])
def test_a_checkpoint_that_asks_for_code_is_refused(checkpoint: dict[str, Any], group: str, tmp_path: Path) -> None:
    config = checkpoint["lossbook"]["config"]
    evil = {"_target_": "torch.utils.cpp_extension.load_inline", "name": "x", "cpp_sources": "int main() {}"}
    changed = {
        "model": {**config, "model": evil},
        "criterion": {**config, "loss": {**config["loss"], "criterion": {**evil, "ignore_index": -100}}},
        "source": {**config, "data": {**config["data"], "source": evil}},
        "optim": {**config, "optim": evil},
        "callbacks": {**config, "callbacks": {"x": evil}},
    }[group]
    # neither may the file vouch for itself
    changed |= {"trust": ["torch.utils.cpp_extension.load_inline"], "ckpt": None}
    path = tmp_path / "evil.ckpt"
    torch.save({**checkpoint, "lossbook": {**checkpoint["lossbook"], "config": changed}}, path)
    with pytest.raises(UserError, match="load_inline"):
        lossbook.train(lossbook.compose(f"ckpt={path}", "trainer.max_epochs=2"), tmp_path / "run")
    assert not (tmp_path / "run").exists()
