"""A run leaves nothing in its process, however it ends."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import Callback

import lossbook
from lossbook.errors import Pruned, UserError
from lossbook.training.module import LossbookModule

SHORT = ("data.limit=48", "data.batch_size=24", "trainer=cpu", "loss=nll", "trainer.max_epochs=2")


def state() -> dict[str, Any]:
    """What a run may change in its process."""
    names = ("", "lightning", "lightning.pytorch", "lightning.fabric", "lossbook", "torch")
    return {
        "environment": dict(os.environ),
        "threads of torch": torch.get_num_threads(),
        "threads": [thread.name for thread in threading.enumerate()],
        "files": _files(),
        "dtype": torch.get_default_dtype(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "warn only": torch.is_deterministic_algorithms_warn_only_enabled(),
        "precision": torch.get_float32_matmul_precision(),
        "recursion": sys.getrecursionlimit(),
        "disabled logging": logging.root.manager.disable,
        "cudnn": (torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic),
        "anomalies": torch.is_anomaly_enabled(),
        "gradients": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
        "autocast": (torch.is_autocast_enabled("cpu"), torch.is_autocast_enabled("cuda")),
        "warnings": list(warnings.filters),
        "loggers": {name: (log := logging.getLogger(name)).level and list(log.handlers) for name in names},
        "signals": {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)},
        "path": list(sys.path),
        "arguments": list(sys.argv),
        "folder": os.getcwd(),
        "excepthook": sys.excepthook,
        "streams": (sys.stdout, sys.stderr),
    }


def changed(before: dict[str, Any]) -> dict[str, Any]:
    """What is no longer as it was, but for threads of an earlier test that have ended."""
    after = state()
    after["threads"] += [name for name in before["threads"] if name not in after["threads"]]
    for one in (before, after):
        one["threads"].sort()
    return {key: (before[key], after[key]) for key in before if before[key] != after[key]}


def _files() -> list[str]:
    folder = Path("/proc/self/fd")
    if not folder.is_dir():
        return []
    open_ones = (os.path.realpath(one) for one in folder.iterdir())
    return sorted(path for path in open_ones if "tfevents" in path or path.endswith((".ckpt", ".json", ".csv")))


class Disturb(Callback):
    """What code of the user's own may switch, and forget."""

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        os.environ["MINE"] = "1"
        os.environ.pop("HOME", None)
        os.chdir("/")
        warnings.simplefilter("ignore")
        logging.disable(logging.ERROR)
        logging.getLogger().setLevel(logging.CRITICAL)
        sys.setrecursionlimit(sys.getrecursionlimit() + 1)
        torch.set_float32_matmul_precision("medium")
        torch.set_num_threads(torch.get_num_threads() + 1)
        torch.autograd.set_detect_anomaly(True)


class Raise(Callback):
    def __init__(self, error: type[BaseException]) -> None:
        self.error = error

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.current_epoch == 1:
            raise self.error("broken off")


@pytest.fixture(scope="module", autouse=True)
def _imported(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What is imported on the way sets things of its own, once."""
    lossbook.train(lossbook.compose(*SHORT), tmp_path_factory.mktemp("first"))


DETERMINISTIC = ("trainer.deterministic=true", "trainer.detect_anomaly=true")
DOUBLE = ("trainer.precision=64-true", "trainer.benchmark=true", "logger=[tensorboard,csv]")


@pytest.mark.parametrize(
    ("error", "options"),
    [
        *((error, ()) for error in (None, ValueError, UserError, Pruned, KeyboardInterrupt)),
        (None, DETERMINISTIC),
        (ValueError, DETERMINISTIC),
        (None, DOUBLE),
        (KeyboardInterrupt, DOUBLE),
        (Pruned, ("trainer.precision=bf16-mixed", "logger=none")),
    ],
)
def test_a_run_leaves_no_trace(error: Any, options: tuple[str, ...], tmp_path: Path) -> None:
    config = lossbook.compose(*SHORT, *options)
    if error is UserError:
        config = lossbook.compose(*SHORT, *options, "optim=sgd", "optim.lr=1e4", "trainer.max_epochs=20")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a test runner's worker may have another
    before = state()
    if error is None:
        lossbook.train(config, tmp_path)
    elif error is UserError:
        with pytest.raises(UserError):
            lossbook.train(config, tmp_path)
    else:
        with pytest.raises(error):
            lossbook.train(config, tmp_path, callbacks=[Raise(error)])
    assert changed(before) == {}


def test_neither_does_code_of_ones_own(tmp_path: Path) -> None:
    before = state()
    lossbook.train(lossbook.compose(*SHORT), tmp_path, callbacks=[Disturb()])
    assert changed(before) == {}


class Vanish(Callback):
    """Leaves for a folder that is then removed."""

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        with TemporaryDirectory() as folder:
            os.chdir(folder)


def test_a_switch_that_cannot_be_told_does_not_turn_a_good_run_into_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mixed() -> str:
        raise RuntimeError("mix of the legacy and new APIs")

    before = os.getcwd()
    monkeypatch.setattr("torch.get_float32_matmul_precision", mixed)
    metrics = lossbook.train(lossbook.compose(*SHORT), tmp_path, callbacks=[Vanish()])
    assert "val/acc" in metrics
    assert os.getcwd() == before


def test_a_compiled_model_leaves_no_code_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resets = []
    monkeypatch.setattr("torch.compiler.reset", lambda: resets.append(1))
    with torch.compiler.set_stance("force_eager"):  # compiling itself takes a minute
        lossbook.train(lossbook.compose(*SHORT, "trainer.compile=true"), tmp_path / "a")
    lossbook.train(lossbook.compose(*SHORT), tmp_path / "b")
    assert resets == [1]


def test_nothing_holds_a_run_that_is_over(tmp_path: Path) -> None:
    lossbook.train(lossbook.compose(*SHORT), tmp_path / "a")
    with pytest.raises(Pruned):
        lossbook.train(lossbook.compose(*SHORT), tmp_path / "b", callbacks=[Raise(Pruned)])
    gc.collect()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # looking at objects of torch's wakes deprecated ones
        assert not [one for one in gc.get_objects() if isinstance(one, (L.Trainer, LossbookModule))]
