"""What Lightning may change without notice, and what breaks then; that resuming is exact is in tests/test_resume.py."""

from __future__ import annotations

import ast
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.loops import loop
from torch import Tensor, nn

from lossbook.training import lightning_internals as internals
from lossbook.training.lightning_internals import (
    HOOK_NAME,
    STEP_HOOKS,
    ask_for_gpus_once,
    batch_number,
    correct_resumed_progress,
    is_accumulating,
    is_last_batch,
    open_writer,
    pending_epoch_metrics,
    reduce_step_overhead,
    replace_sigterm_handling,
    validation_follows,
)

pytestmark = pytest.mark.filterwarnings("ignore:.*num_workers", "ignore:.*many workers")

OFF = dict.fromkeys(("enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)

# private name -> where it is, and what breaks in Lossbook when it goes
PRIVATE: dict[str, tuple[Callable[[L.Trainer], Any], str]] = {
    "_num_ready_batches_reached": (lambda t: t.fit_loop.epoch_loop, "last.ckpt, SWA: the end of an epoch is not seen"),
    "_should_accumulate": (lambda t: t.fit_loop.epoch_loop, "gradients of several batches are scaled at a wrong one"),
    "_should_check_val_fx": (
        lambda t: t.fit_loop.epoch_loop,
        "a resumed run skips a validation",
    ),
    "_data_fetcher": (lambda t: t.fit_loop, "the same; and a resumed epoch starts from its first batch"),
    "_logger_connector": (lambda t: t, "a run resumed in place lacks an epoch's training metrics in its curves"),
    "_first_loop_iter": (lambda t: t._logger_connector, "the same"),
    "_batches_that_stepped": (lambda t: t.fit_loop.epoch_loop, "the same; and logged steps lag by one after a resume"),
    "_signal_connector": (lambda t: t, "SIGTERM ends a run before it is saved"),
    "_sigterm_notifier_fn": (lambda t: t._signal_connector, "the same"),
    "_has_already_handler": (lambda t: t._signal_connector, "the same"),
    "_broadcast_sigterm_tensor": (lambda t: t.fit_loop.epoch_loop, "several processes wait for each other for ever"),
    "_restarting": (lambda t: t.fit_loop, "with max_steps a resumed run counts an epoch twice"),
    "_Loop": (lambda t: loop, "the same"),
    "_combined_loader_states_to_load": (lambda t: t.fit_loop, "a resumed epoch starts from its first batch"),
    "_load_combined_loader_states": (lambda t: t.fit_loop, "the same"),
    "_experiment": (lambda t: TensorBoardLogger("."), "closing a logger that has written nothing opens a file"),
    HOOK_NAME: (lambda t: L.LightningModule(), "each step of a small network takes longer"),
}


@pytest.mark.parametrize("name", PRIVATE)
def test_private_names_exist(name: str) -> None:
    owner, breaks = PRIVATE[name]
    assert hasattr(owner(L.Trainer(accelerator="cpu", logger=False, **OFF)), name), breaks


def test_every_private_name_is_listed() -> None:
    tree = ast.parse(Path(internals.__file__).read_text())
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr.startswith("_")}
    used |= {name.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for name in node.names
             if name.name.startswith("_")}  # fmt: skip
    assert used | {HOOK_NAME} == PRIVATE.keys()


class Counting(L.LightningModule):
    """Writes down the epoch and batch of each step."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 1)
        self.steps: list[tuple[int, int]] = []
        self.called = 0
        self.hooks: set[Any] = set()

    def on_after_backward(self) -> None:
        self.called += 1

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        self.steps.append((self.current_epoch, batch_idx))
        self.hooks.add(getattr(self, HOOK_NAME))
        return self.layer(batch).square().mean()

    def validation_step(self, batch: Tensor, batch_idx: int) -> None: ...

    def on_train_epoch_end(self) -> None:
        self.log("train/loss", 0.5)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def batches(count: int = 3) -> Any:
    return torch.utils.data.DataLoader(torch.arange(4.0 * count).reshape(2 * count, 2), batch_size=2)  # type: ignore[arg-type]


def run(
    folder: Path, *callbacks: L.Callback, ckpt: Path | None = None, quick: bool = False, **options: Any
) -> tuple[L.Trainer, Counting]:
    torch.manual_seed(0)
    options = {"logger": False, "num_sanity_val_steps": 0, **OFF, **options}
    trainer = L.Trainer(accelerator="cpu", callbacks=[*callbacks], default_root_dir=folder, **options)
    module = Counting()
    if quick:
        reduce_step_overhead(trainer, module)
    trainer.fit(module, batches(), batches(2), ckpt_path=ckpt, weights_only=True if ckpt else None)
    return trainer, module


class Looking(L.Callback):
    """Asks at each hook what the internals say."""

    def __init__(self) -> None:
        self.trained: list[tuple[bool, bool, bool, int]] = []
        self.validated: list[int] = []
        self.pending: list[tuple[int, dict[str, float]] | None] = []

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        self.pending.append(pending_epoch_metrics(trainer))
        self.trained.append(
            (
                is_last_batch(trainer),
                is_accumulating(trainer),
                validation_follows(trainer),
                batch_number(trainer, "train"),
            )
        )

    def on_validation_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        self.validated.append(batch_number(trainer, "val"))


class AtTheEnd(L.pytorch.callbacks.Checkpoint):
    """Asks after the module has logged its epoch, where checkpoints are written."""

    def __init__(self) -> None:
        self.pending: list[tuple[int, dict[str, float]] | None] = []

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.pending.append(pending_epoch_metrics(trainer))


def test_where_a_run_stands(tmp_path: Path) -> None:
    look = Looking()
    run(tmp_path, look, max_epochs=1, accumulate_grad_batches=2)
    #                        last   accumulating  validation  number; the last step takes one batch
    assert look.trained == [(False, True, False, 1), (False, False, False, 2), (True, False, True, 3)]
    assert look.validated == [1, 2]
    assert look.pending == [None] * 3


def test_a_validation_within_an_epoch_is_seen(tmp_path: Path) -> None:
    look = Looking()
    run(tmp_path, look, max_epochs=1, val_check_interval=2)
    assert [follows for _, _, follows, _ in look.trained] == [False, True, False]


def test_metrics_of_an_epoch_are_known_before_they_are_logged(tmp_path: Path) -> None:
    end = AtTheEnd()
    run(tmp_path, end, max_epochs=2, logger=CSVLogger(tmp_path), enable_checkpointing=True, log_every_n_steps=1)
    assert end.pending == [(2, {"train/loss": 0.5, "epoch": 0}), (5, {"train/loss": 0.5, "epoch": 1})]
    without = AtTheEnd()
    run(tmp_path, without, max_epochs=1, enable_checkpointing=True)
    assert without.pending == [None]


def test_sigterm_reaches_the_given_handler(tmp_path: Path) -> None:
    received: list[int] = []
    agreed: list[int] = []

    class Replace(L.Callback):
        def setup(self, trainer: L.Trainer, *_: Any, **__: Any) -> None:
            replace_sigterm_handling(
                trainer, lambda number, _: received.append(number), ignored=_unused, agree=lambda: agreed.append(1)
            )

        def on_train_start(self, trainer: L.Trainer, *_: Any) -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor()

    before = signal.signal(signal.SIGTERM, _unused)
    try:
        trainer, _ = run(tmp_path, Replace(), max_epochs=1)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert received == [signal.SIGTERM]
    assert agreed == [1]
    assert trainer.global_step == 3, "Lightning's own handler ends the run"


def _unused(*_: Any) -> None:
    raise AssertionError("called beside the handler")


class Saving(L.Callback):
    """Saves at each epoch's end, as a checkpoint callback does."""

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        trainer.save_checkpoint(Path(trainer.default_root_dir) / f"{trainer.current_epoch}.ckpt")


class Correcting(L.Callback):
    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        correct_resumed_progress(trainer)


def test_with_a_number_of_steps_an_epoch_is_not_counted_twice(tmp_path: Path) -> None:
    options: dict[str, Any] = {"max_epochs": 3, "max_steps": 100}
    run(tmp_path, Saving(), **options)
    plain, _ = run(tmp_path, ckpt=tmp_path / "0.ckpt", **options)
    corrected, module = run(tmp_path, Correcting(), ckpt=tmp_path / "0.ckpt", **options)
    assert module.steps == [(epoch, batch) for epoch in (1, 2) for batch in range(3)]
    assert corrected.global_step == 9
    assert plain.global_step < 9, "Lightning counts correctly now: this correction can go"


def test_a_fresh_run_is_left_alone(tmp_path: Path) -> None:
    trainer, module = run(tmp_path, Correcting(), max_epochs=2)
    assert module.steps == [(epoch, batch) for epoch in (0, 1) for batch in range(3)]
    assert trainer.global_step == 6


def test_no_writer_is_opened_by_asking_for_it(tmp_path: Path) -> None:
    logger = TensorBoardLogger(tmp_path)
    assert open_writer(logger) is None
    writer = logger.experiment
    assert open_writer(logger) is writer
    writer.close()


class CountingEnds(L.Callback):
    def __init__(self) -> None:
        self.ends = 0

    def on_train_batch_end(self, *args: Any) -> None:
        self.ends += 1


def test_the_hooks_that_do_something_still_run_and_the_result_is_the_same(tmp_path: Path) -> None:
    _, plain = run(tmp_path, max_epochs=2)
    callback = CountingEnds()
    _, quick = run(tmp_path, callback, max_epochs=2, quick=True)
    assert callback.ends == quick.called == 6
    assert torch.equal(quick.layer.weight, plain.layer.weight)
    hidden = {hook for hook in STEP_HOOKS if getattr(quick, hook) is None}
    assert hidden == set(STEP_HOOKS) - {"on_after_backward"}


def test_the_trainer_notes_the_running_hook_under_this_name(tmp_path: Path) -> None:
    _, module = run(tmp_path, max_epochs=1)
    assert module.hooks == {"training_step"}


def test_without_a_gpu_torch_does_not_look_for_the_driver_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    ask_for_gpus_once()
    expected = "1" if torch.cuda.is_available() else "0"
    assert os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] == expected
