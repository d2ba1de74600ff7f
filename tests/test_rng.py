"""The generators' states go through a checkpoint file and come back to the bit."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import torch

from lossbook.checkpoint import AtomicCheckpointIO, read
from lossbook.rng import restore_rng_states, rng_states


def draw() -> tuple[object, ...]:
    return (
        random.random(),
        random.gauss(0, 1),  # keeps the second one of a pair
        np.random.standard_normal(3).tolist(),  # an odd number: so does numpy
        torch.randn(5).tolist(),
    )


def test_the_same_numbers_are_drawn_again(tmp_path: Path) -> None:
    draw()
    AtomicCheckpointIO().save_checkpoint({"state_dict": {}, "lossbook": {"rng": rng_states()}}, tmp_path / "a.ckpt")
    first = draw()
    assert draw() != first
    restore_rng_states(read(tmp_path / "a.ckpt")["lossbook"]["rng"])
    assert draw() == first


def test_states_of_devices_that_are_not_there_are_left_out() -> None:
    states = {**rng_states(), "cuda": [torch.zeros(16, dtype=torch.uint8)] * 99}
    first = draw()
    restore_rng_states({**states, "cuda": []})
    assert draw() == first
