"""Checkpoints that do not fit their run, or are damaged, are refused in words before anything of them is used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import lossbook
from lossbook.errors import UserError

TINY = (
    "data=digits", "data.limit=24", "data.batch_size=8", "model=mlp", "model.hidden=[4]", "trainer=cpu", "logger=none",
    "trainer.max_epochs=1", "callbacks=ema",
)  # fmt: skip


@pytest.fixture(scope="module")
def last(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("first")
    lossbook.train(lossbook.compose(*TINY), folder)
    return folder / "checkpoints" / "last.ckpt"


def refusal(path: Path, folder: Path, *overrides: str) -> str:
    with pytest.raises(UserError) as caught:
        lossbook.train(lossbook.compose(f"ckpt={path}", "trainer.max_epochs=2", *overrides), folder)
    assert not folder.exists()
    return str(caught.value)


def entry(checkpoint: Any, *keys: Any) -> Any:
    for key in keys:
        checkpoint = checkpoint[key]
    return checkpoint


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda c: c["state_dict"].update({"model.layers.1.weight": torch.zeros(4, 64) / 0}), "holds nan"),
        (lambda c: c["current_model_state"].pop("model.layers.1.weight"), "is missing there"),
        (lambda c: c.pop("current_model_state"), "current_model_state is missing"),
        (lambda c: c.pop("loops"), "loops is missing"),
        (lambda c: c.update(global_step=-1), "global_step is -1"),
        (lambda c: c.update(global_step=7), "the loops counted 3"),
        (lambda c: c.update({"pytorch-lightning_version": "1.0.0"}), "a version of Lightning 2"),
        (lambda c: entry(c, "loops", "fit_loop").pop("epoch_loop.batch_progress"), "batch_progress is missing"),
        (lambda c: entry(c, "loops", "fit_loop", "state_dict", "combined_loader", 0).update(batches=-2), "is -2"),
        (lambda c: entry(c, "callbacks", "Checkpoints").update(best_value="high"), "best_value is 'high'"),
        (lambda c: c["callbacks"].pop("Checkpoints"), "callbacks.Checkpoints is missing"),
        (lambda c: entry(c, "meter", 0, "means.loss", "state").update(total=torch.zeros(2)), "means.loss.state.total"),
        (lambda c: entry(c, "optimizer_states", 0, "state", 0).update(exp_avg=torch.zeros(1)), "state[0].exp_avg"),
        (lambda c: entry(c, "meter", 0, "means.loss", "state").update(__class__=1), "not part of its sums"),
        (lambda c: entry(c, "optimizer_states", 0, "param_groups", 0, "param_names").insert(0, "x"), "name x, which"),
        (lambda c: c["optimizer_states"].clear(), "optimizer_states holds 0 states"),
        (lambda c: c["lossbook"]["rng"][0].update(torch=torch.zeros(5, dtype=torch.uint8)), "lossbook.rng"),
        (lambda c: c["lossbook"]["rng"][0]["numpy"].update(position=10_000), "numpy.position"),
        (lambda c: c["lossbook"].update(seconds=float("nan")), "seconds is nan"),
        (lambda c: c["lossbook"]["config"].pop("optim"), "config.optim is missing"),
        (lambda c: c["lossbook"]["config"]["optim"].update(lr="fast"), "config.optim.lr is fast"),
        (lambda c: c["lossbook"]["config"]["model"].update(hidden="${oc.env:HOME}"), "is an interpolation"),
        (lambda c: c["lossbook"]["config"]["choices"].update(loss=["a"]), "choices must name"),
    ],
)  # fmt: skip
def test_what_is_damaged_is_named(last: Path, tmp_path: Path, damage: Callable[[Any], Any], words: str):
    checkpoint = torch.load(last, weights_only=True)
    damage(checkpoint)
    torch.save(checkpoint, tmp_path / "odd.ckpt")
    assert words in refusal(tmp_path / "odd.ckpt", tmp_path / "run")


def test_unknown_entries_of_ours_are_let_pass(last: Path, tmp_path: Path):
    checkpoint = torch.load(last, weights_only=True)
    checkpoint["lossbook"]["more"] = {"names": ["a", "b"], "digest": torch.zeros(3)}
    torch.save(checkpoint, tmp_path / "more.ckpt")
    lossbook.train(lossbook.compose(f"ckpt={tmp_path}/more.ckpt", "trainer.max_epochs=2"), tmp_path / "run")


def test_another_model_is_said_with_the_layers_that_differ(last: Path, tmp_path: Path):
    said = refusal(last, tmp_path / "run", "model.hidden=[6]")
    assert "with model.hidden=[6]." in said
    assert "model.layers.1.weight is (4, 64) there and (6, 64) here" in said
    assert "leave out model.hidden=[6]" in said
