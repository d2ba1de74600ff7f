"""What a checkpoint says of its run; that a resumed run goes on bit for bit is shown in tests/test_resume.py."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from lossbook.checkpoints.read import ENTRY
from lossbook.rng import rng_states
from lossbook.training.callbacks.record import Attempt, Record

CPU = torch.device("cpu")


def trainer(fn: str = "fit", processes: int = 1) -> Any:
    strategy = SimpleNamespace(root_device=CPU)
    return SimpleNamespace(
        state=SimpleNamespace(fn=fn),
        global_rank=0,
        world_size=processes,
        strategy=strategy,
        loggers=[],
        should_stop=False,
        _logger_connector=None,
    )


def averaged() -> dict[str, Any]:
    """A checkpoint whose state_dict is an average (ones), beside the weights that were trained (twos)."""
    ones, twos = ({"weight": torch.full((1, 2), value), "bias": torch.full((1,), value)} for value in (1.0, 2.0))
    return {"state_dict": ones, "current_model_state": twos, ENTRY: {"rng": [rng_states(CPU)]}}


@pytest.mark.parametrize(("fn", "weight"), [("fit", 2.0), ("test", 1.0)])
def test_training_goes_on_with_the_trained_weights_and_a_test_sees_their_average(fn: str, weight: float) -> None:
    net, checkpoint = nn.Linear(2, 1), averaged()
    net.load_state_dict(checkpoint["state_dict"])  # as Lightning does before
    Record({}).on_load_checkpoint(trainer(fn), net, checkpoint)  # type: ignore[arg-type]
    assert net.weight.tolist() == [[weight, weight]]


def test_a_checkpoint_holds_the_entry_the_version_and_the_generators() -> None:
    checkpoint: dict[str, Any] = {}
    Record({"config": {"seed": 3}}, seconds=lambda: 2.5).on_save_checkpoint(trainer(), nn.Linear(1, 1), checkpoint)  # type: ignore[arg-type]
    assert checkpoint[ENTRY]["config"] == {"seed": 3}
    assert checkpoint[ENTRY].keys() == {"config", "version", "rng", "seconds", "curves", "stopped"}
    assert len(checkpoint[ENTRY]["rng"]) == 1
    assert Attempt.of(checkpoint) == Attempt(2.5, None, False)


def test_an_older_checkpoint_knows_of_no_attempt() -> None:
    assert Attempt.of({ENTRY: {"config": {}}}) == Attempt()


def test_another_number_of_processes_is_said() -> None:
    with pytest.warns(UserWarning, match="of 1 processes, this run has 2"):
        Record({}).on_load_checkpoint(trainer(processes=2), nn.Linear(2, 1), averaged())  # type: ignore[arg-type]
