"""The options of trainer, logger and callbacks name real arguments, at Lightning's defaults but where they say so."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import lightning
import pytest
from lightning.pytorch.callbacks import EarlyStopping
from omegaconf import OmegaConf

from lossbook.training import loggers
from lossbook.training.callbacks.checkpoints import Checkpoints
from lossbook.training.callbacks.learning_rates import LearningRates
from lossbook.training.callbacks.progress import Progress

CONF = Path(__file__).parents[1] / "conf"
OVERLAYS = ("cpu", "gpu", "one_batch", "overfit")


def options(file: str) -> dict[str, Any]:
    values = OmegaConf.to_container(OmegaConf.load(CONF / file))
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items() if key != "defaults"}


def defaults(callable_: Any) -> dict[str, Any]:
    return {name: p.default for name, p in inspect.signature(callable_).parameters.items()}


def test_the_trainer_spells_out_lightnings_defaults() -> None:
    own, theirs = options("trainer/auto.yaml"), defaults(lightning.Trainer)
    assert own.pop("compile") is False  # ours
    assert own.keys() <= theirs.keys()
    ours = {"devices", "precision", "max_epochs", "log_every_n_steps", "check_val_every_n_epoch"}
    assert {key for key, value in own.items() if value != theirs[key]} <= ours
    assert own["log_every_n_steps"] == 50  # what Lightning takes for None
    assert own["check_val_every_n_epoch"] == 1
    lightning.Trainer(**own | {"accelerator": "cpu"}, logger=False, enable_checkpointing=False)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_overlays_change_keys_that_auto_has(overlay: str) -> None:
    changed = options(f"trainer/{overlay}.yaml")
    assert changed
    assert changed.keys() <= options("trainer/auto.yaml").keys()


def test_loggers_and_callbacks_name_what_there_is() -> None:
    assert options("logger/tensorboard.yaml") == {"tensorboard": {"_target_": f"{loggers.__name__}.TensorBoard"}}
    assert options("logger/csv.yaml") == {"csv": {"_target_": f"{loggers.__name__}.CSV"}}
    kept = options("callbacks/default.yaml")
    classes = {"checkpoints": Checkpoints, "lr_monitor": LearningRates, "progress": Progress}
    assert kept.keys() == classes.keys()
    for name, node in kept.items():
        target = node.pop("_target_")
        assert target == f"{classes[name].__module__}.{classes[name].__qualname__}"
        theirs = defaults(classes[name])
        assert all(theirs[key] == value for key, value in node.items())


def test_early_stopping_spells_out_lightnings_defaults() -> None:
    node = options("callbacks/early_stopping.yaml")["early_stopping"]
    assert node.pop("_target_") == "lightning.pytorch.callbacks.EarlyStopping"
    theirs = defaults(EarlyStopping)
    changed = {key for key, value in node.items() if value != theirs[key]}
    assert changed == {"monitor", "mode", "patience"}
    settled = {"check_on_train_epoch_end", "log_rank_zero_only", "verbose"}
    assert theirs.keys() - node.keys() == settled
