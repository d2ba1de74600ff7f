"""The generators' states go through a checkpoint file and come back to the bit."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from lossbook.checkpoints.read import AtomicCheckpointIO
from lossbook.rng import restore_rng_states, rng_states, seed_generators

CPU = torch.device("cpu")


def draw() -> tuple[object, ...]:
    return (
        random.random(),
        random.gauss(0, 1),  # keeps the second one of a pair
        np.random.standard_normal(3).tolist(),  # an odd number: so does numpy
        torch.randn(5).tolist(),
    )


def test_the_same_numbers_are_drawn_again(tmp_path: Path) -> None:
    draw()
    AtomicCheckpointIO().save_checkpoint({"state_dict": {}, "lossbook": {"rng": rng_states(CPU)}}, tmp_path / "a.ckpt")
    first = draw()
    assert draw() != first
    restore_rng_states(torch.load(tmp_path / "a.ckpt", weights_only=True)["lossbook"]["rng"], CPU)
    assert draw() == first


def test_a_gpus_state_is_left_out_on_a_processor() -> None:
    states = {**rng_states(CPU), "cuda": torch.zeros(16, dtype=torch.uint8)}
    first = draw()
    restore_rng_states(states, CPU)
    assert draw() == first


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpus_state_comes_back_on_the_device_that_the_process_has() -> None:
    device = torch.device("cuda", torch.cuda.device_count() - 1)
    states = rng_states(device)
    first = torch.rand(3, device=device)
    restore_rng_states(states, device)
    assert torch.equal(torch.rand(3, device=device), first)


def test_each_process_draws_its_own_numbers() -> None:
    drawn = []
    for seed in ((0, 1), (0, 2), (1, 1), (0, 1)):
        seed_generators(*seed)
        drawn.append(draw())
    assert drawn[3] == drawn[0]
    assert all(len({each[i] if i < 2 else tuple(each[i]) for each in drawn}) == 3 for i in range(4))  # type: ignore[arg-type]
