"""Build Lightning's Trainer from the config's node, with errors that name its keys."""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Mapping
from typing import Any

import lightning as L
import torch
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from lossbook.annotations import misfit
from lossbook.errors import Problem, UserError, nearest, refuse, typed
from lossbook.processes import LAUNCHED

SLOT = "LOSSBOOK_SLOT"
"""The environment variable with the number of a sweep's worker, from 0: workers take the GPUs in turn."""

_PARAMETERS = inspect.signature(L.Trainer).parameters
_SILENT: dict[str, Any] = dict.fromkeys(
    ("logger", "enable_progress_bar", "enable_model_summary", "enable_checkpointing"), False
)
# Arguments of the Trainer that other parts of the config decide, and how.
_ELSEWHERE = {
    "logger": "logger=none, or another option of that group",
    "enable_checkpointing": "callbacks=none keeps no checkpoint",
    "enable_progress_bar": "callbacks=none shows no progress",
    "callbacks": "+callbacks.NAME._target_=CLASS adds one",
    "default_root_dir": "hydra.run.dir=PATH",
    "enable_model_summary": "+callbacks.summary._target_=lightning.pytorch.callbacks.ModelSummary",
    "num_sanity_val_steps": "trainer=one_batch runs through everything once",
    "plugins": "",
}
# Options of the run that a test of its checkpoint keeps.
OF_A_TEST = (
    "accelerator", "devices", "num_nodes", "strategy", "precision", "deterministic", "benchmark", "limit_test_batches",
)  # fmt: skip


def trainer_options(node: Mapping[str, Any], batches: int) -> dict[str, Any]:
    """Check the node ``trainer`` of the config, and return the arguments of Lightning's Trainer.

    Args:
        node: ``trainer`` of the config.
        batches: of a training epoch, in one process.

    Raises:
        UserError: for a key that the Trainer does not have or that belongs elsewhere, a device that does not exist, or
            validations less often than once an epoch.
    """
    problems = [_misplaced(key, value) for key, value in node.items() if key in _ELSEWHERE or key not in _PARAMETERS]
    problems += [
        Problem(f"trainer.{key}={typed(value)}", f"lightning.Trainer takes {takes}.", f"~trainer.{key}")
        for key, value in node.items()
        if key in _PARAMETERS and (takes := misfit(value, _PARAMETERS[key]))
    ]
    if problems:
        raise UserError(*problems)
    options = {**node, **_device(node)}
    limit = node.get("limit_train_batches")
    if limit is not None:
        batches = min(batches, limit) if isinstance(limit, int) else max(1, math.floor(batches * limit))
    every = node.get("val_check_interval")
    if isinstance(every, int) and every > batches and node.get("check_val_every_n_epoch", 1) is not None:
        raise refuse(
            f"trainer.val_check_interval={every} with {batches} batches an epoch.",
            "It counts the batches of one epoch.",
            "trainer.check_val_every_n_epoch=null counts batches across epochs",
        )
    options["log_every_n_steps"] = max(1, min(node.get("log_every_n_steps") or 50, batches))
    return options


def build_trainer(options: Mapping[str, Any], **more: Any) -> L.Trainer:
    """Build a Trainer; where Lightning refuses an option, the error names its key in the config."""
    try:
        return L.Trainer(**options, **more)
    except (ValueError, TypeError, MisconfigurationException) as error:
        raise _worded(options, error) from error


def test_trainer(node: Mapping[str, Any]) -> L.Trainer:
    """Build a Trainer that only tests, with the options of a run's node ``trainer``."""
    kept = {key: node[key] for key in OF_A_TEST if key in node}
    return build_trainer({**kept, **_device(node)}, **_SILENT)


def lightning_message(error: Exception) -> str:
    """Return the first line of Lightning's own message."""
    return f"Lightning says: {str(error).strip().partition(chr(10))[0]}"


def _device(node: Mapping[str, Any]) -> dict[str, Any]:
    """Return Lightning's arguments for the device: its ``auto`` and ``gpu`` would take an Apple GPU, without float64.

    With ``devices=1``, a worker of a sweep takes the GPU of its number, any other run the first one.
    """
    _require_launcher(node.get("num_nodes", 1))
    wanted = node.get("accelerator", "auto")
    there = torch.cuda.is_available()
    if wanted in ("gpu", "cuda") and not there:
        rule = "torch finds no CUDA or ROCm GPU on this machine."
        raise refuse(f"trainer.accelerator={wanted}", rule, "trainer=cpu, or trainer=auto")
    if wanted == "cpu" or not there:
        _require_cores(node.get("devices"))
        return {"accelerator": "cpu"}
    slot, count = os.environ.get(SLOT), torch.cuda.device_count()
    in_turn = slot is not None and count > 1 and type(node.get("devices")) is int and node["devices"] == 1
    return {"accelerator": "cuda", **({"devices": [int(slot or 0) % count]} if in_turn else {})}


def _require_launcher(nodes: Any) -> None:
    """Refuse several machines where no launcher has started their processes: this one would wait for half an hour."""
    if nodes != 1 and not LAUNCHED & os.environ.keys():
        rule = "No launcher has started processes on other machines: its variables (MASTER_ADDR, ...) are not set."
        raise refuse(f"trainer.num_nodes={nodes}", rule, "trainer.num_nodes=1, or start the run with torchrun or Slurm")


def _require_cores(devices: Any) -> None:
    """Refuse more processes than this machine has cores."""
    cores = os.cpu_count() or 1
    if str(devices).isdecimal() and int(devices) > cores:
        rule = f"Each device is a process, and this machine has {cores} processor cores."
        raise refuse(f"trainer.devices={devices}", rule, f"trainer.devices={cores}")


def _misplaced(key: str, value: Any) -> Problem:
    given = f"trainer.{key}={typed(value)}"
    if key in _ELSEWHERE:
        return Problem(given, "Another part of the config decides this.", _ELSEWHERE[key])
    near = nearest(key, _PARAMETERS)
    return Problem(given, f"lightning.Trainer has no argument '{key}'.", f"trainer.{near}" if near else "leave it out")


def _worded(options: Mapping[str, Any], error: Exception) -> UserError:
    """Return the error with the key that it is about: the one whose default Lightning would accept instead."""
    if _accepted(options):
        return refuse("The callbacks and loggers do not fit together.", lightning_message(error))
    for key, value in options.items():
        if value != _PARAMETERS[key].default and _accepted({**options, key: _PARAMETERS[key].default}):
            return refuse(
                f"trainer.{key}={typed(value)}", lightning_message(error), "conf/trainer/auto.yaml lists its values"
            )
    return refuse(
        "The trainer cannot be built.", lightning_message(error), "conf/trainer/auto.yaml lists the values of its keys"
    )


def _accepted(options: Mapping[str, Any]) -> bool:
    try:
        L.Trainer(**options, **_SILENT)
    except (ValueError, TypeError, MisconfigurationException):
        return False
    return True
