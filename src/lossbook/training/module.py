"""The one LightningModule: it drives any task with any optimizers, and knows neither."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from typing import Any, Literal, cast

import lightning as L
import torch
from torch import Tensor
from torch.optim import Optimizer

from lossbook.losses.objective import every_target_ignored
from lossbook.optim.repeats import Repeats
from lossbook.optim.schedules.length import length_of
from lossbook.optim.schedules.make import MakeScheduler
from lossbook.optim.schedules.resume import go_on
from lossbook.processes import gathered, own_of
from lossbook.targets.encoding import Prediction
from lossbook.tasks.step import Step
from lossbook.tasks.task import Task
from lossbook.training.divergence import loss_not_finite
from lossbook.training.effective_batch import EffectiveBatch, share_buffers
from lossbook.training.lightning_internals import HOOK_NAME, batch_number
from lossbook.training.meter import Meter
from lossbook.training.turns import step_schedules, take_turns

Stage = Literal["train", "val", "test"]
MakeOptimizer = Callable[..., Optimizer]
_SET_OFTEN = (HOOK_NAME, "_evaluated")


class LossbookModule(L.LightningModule):
    """Trains what a task holds, and follows its metrics.

    Logged under ``<stage>/<name>``: at the end of each epoch the exact loss, its terms and every metric, and while
    training the mean loss of the steps since the last log as ``train/loss_step``.

    Args:
        task: what is trained together, and how; its networks become submodules under their names.
        primary: name of the metric that checkpoints watch, and whether its ``max`` or ``min`` is best.
        make_optimizer: module -> optimizer; for a task whose optimizers take turns (module, names of networks) -> one.
        make_scheduler: (optimizer, length of the run) -> Lightning's scheduler config, or None.
        check_targets: check the targets of every batch; not needed where the whole set was checked before.
        repeats: the optimizer evaluates a batch several times a step.
    """

    def __init__(
        self,
        task: Task,
        primary: tuple[str, str],
        make_optimizer: MakeOptimizer,
        make_scheduler: MakeScheduler | None = None,
        check_targets: bool = True,
        repeats: bool = False,
    ) -> None:
        super().__init__()
        self.task = task
        for name, network in task.modules.items():
            self.add_module(name, network)
        self.primary = (f"val/{primary[0]}", primary[1])
        self.make_optimizer = make_optimizer
        self.make_scheduler = make_scheduler
        self.check_targets = check_targets
        self.train_meter = Meter(task.measures(), task.terms, train=True)
        self.val_meter = Meter(task.measures(), task.terms)
        self.test_meter = Meter(task.measures(), task.terms)
        self.test_meter.choose_thresholds(False)
        self.automatic_optimization = not task.optimizers
        self.on_step: Callable[[Step], None] | None = None  # sees each evaluation of a training batch
        self.on_tested: Callable[[dict[str, Any], Step], None] | None = None  # sees each test batch
        self._losses: list[Tensor] = []
        self._evaluated = -1  # number of the batch whose metrics are taken
        self._repeats = Repeats() if repeats else None
        self._effective = EffectiveBatch(task.summed)
        self._schedules: list[dict[str, Any]] | None = None  # of the checkpoint that the run goes on from

    def __setattr__(self, name: str, value: Any) -> None:
        """Plain values are set many times a step (Lightning notes every hook); a module's usual way takes 2 us each."""
        if name in _SET_OFTEN:
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)

    def meter(self, stage: Stage) -> Meter:
        """The running metrics of a stage."""
        return cast(Meter, getattr(self, f"{stage}_meter"))

    def on_before_batch_transfer(self, batch: dict[str, Any], dataloader_idx: int) -> dict[str, Any]:
        """Checks targets that nobody has seen before while they are on the CPU: a GPU would have to be waited for."""
        if self.check_targets and not self.trainer.predicting:
            stage: Stage = "train" if self.trainer.training else "test" if self.trainer.testing else "val"
            self.task.check(batch, f"batch {batch_number(self.trainer, stage)} of the {stage} part")
        return batch

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor | None:
        if not self.automatic_optimization:
            self._note(take_turns(self, self.task, batch, self._before_backward), batch_idx)
            step_schedules(self, "step", batch_idx + 1)
            return None
        # An optimizer that searches along a line evaluates a batch many times: its metrics are those before the step.
        first = batch_idx != self._evaluated
        self._evaluated = batch_idx
        with nullcontext() if self._repeats is None else self._repeats.evaluation(self, first):
            step = self.task.step(batch)
        if self.on_step is not None:
            self.on_step(step)
        if not first:
            return step.loss
        self._before_backward(step)
        self._note(step, batch_idx)
        return step.loss

    def _before_backward(self, step: Step) -> None:
        self._effective.count = step.weight

    def _note(self, step: Step, batch_idx: int) -> None:
        """Add a training step to the meter and, now and then, to the logs."""
        # Reading the loss costs a microsecond on the CPU; a GPU would have to wait for it, and looks at each log.
        if step.loss.device.type == "cpu" and not math.isfinite(step.loss.item()):
            raise loss_not_finite(self, step.loss.detach())
        self.train_meter.add(self._effective.logged(self, step))
        if step.losses is not None:
            self._losses.append(step.losses.flatten())
        if (batch_idx + 1) % self.trainer.log_every_n_steps == 0:  # type: ignore[attr-defined]
            self._log_window()

    def backward(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        self._effective.backward(self, loss, *args, **kwargs)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        super().optimizer_step(*args, **kwargs)
        self.task.after_step()

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        self.val_meter.add(self._effective.logged(self, self.task.step(batch)))

    def test_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        step = self.task.step(batch)
        self.test_meter.add(self._effective.logged(self, step))
        if self.on_tested is not None:
            self.on_tested(batch, step)

    def predict_step(self, batch: dict[str, Any], batch_idx: int) -> dict[str, Prediction]:
        return self.task.predict(batch, self.test_meter.thresholds())

    def on_train_epoch_start(self) -> None:
        self._evaluated = -1
        self._effective.start()
        self._begin()

    def on_train_epoch_end(self) -> None:
        self._log_window()
        self._log_epoch("train")
        if not self.automatic_optimization:
            step_schedules(self, "epoch", self.current_epoch + 1)

    def on_validation_epoch_start(self) -> None:
        self._begin_evaluation("val")

    def on_validation_epoch_end(self) -> None:
        metrics = self._log_epoch("val")
        for config in self.trainer.lr_scheduler_configs if self.trainer.state.fn == "fit" else ():
            observe = getattr(config.scheduler, "observe", None)
            if observe is not None:
                observe(metrics)
        self.test_meter.take_thresholds(self.val_meter)

    def on_test_epoch_start(self) -> None:
        self._begin_evaluation("test")

    def on_test_epoch_end(self) -> None:
        self._log_epoch("test")

    def configure_optimizers(self) -> Any:
        turns = self.task.optimizers.values()
        optimizers = [self.make_optimizer(self, parts) for parts in turns] if turns else [self.make_optimizer(self)]
        if self.make_scheduler is None:
            return optimizers if len(optimizers) > 1 else optimizers[0]
        configs = [
            {"optimizer": optimizer, "lr_scheduler": self.make_scheduler(optimizer, length_of(self.trainer))}
            for optimizer in optimizers
        ]
        return configs if len(configs) > 1 else configs[0]

    def on_train_start(self) -> None:
        saved, self._schedules = self._schedules, None
        progress: Any = self.trainer.fit_loop.epoch_progress.current
        if saved is None:
            return
        for number, config in enumerate(self.trainer.lr_scheduler_configs):
            done = progress.processed if config.interval == "epoch" else self._steps_of_each
            go_on(config.scheduler, saved[number] if number < len(saved) else None, done // config.frequency)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["meter"] = gathered(self.train_meter.running(), self.trainer.world_size)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        own = own_of(checkpoint["meter"], self.trainer.global_rank, self.trainer.world_size)
        self.train_meter.restore(own or {})
        # Lightning would load them as they are, whatever the classes
        if self.trainer.state.fn == "fit" and "lr_schedulers" in checkpoint:
            self._schedules, checkpoint["lr_schedulers"] = checkpoint["lr_schedulers"], []

    @property
    def _steps_of_each(self) -> int:
        """Steps that each optimizer has made; Lightning counts those of all."""
        return self.global_step // max(1, len(self.task.optimizers))

    def _begin(self) -> None:
        """A batch without a target that counts is part of a larger one, where there are several to a step."""
        self.task.before_training(self.trainer.world_size > 1 or self.trainer.accumulate_grad_batches > 1)

    def _begin_evaluation(self, stage: Stage) -> None:
        meter = self.meter(stage)
        meter.reset()
        self._begin()
        for network in self.task.modules.values():
            share_buffers(network, self.trainer.world_size)
        with self.trainer.precision_plugin.forward_context():
            self.task.before_evaluation(meter.of_heads(), self._gallery)

    def _gallery(self) -> Iterable[dict[str, Any]] | None:
        """The training part as the networks see it in evaluation, ready for them; None without one."""
        data = getattr(self.trainer, "datamodule", None)
        loader = data.gallery_dataloader() if data is not None else None
        return None if loader is None else self._ready(loader)

    def _ready(self, loader: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for batch in loader:
            moved = self.trainer.precision_plugin.convert_input(batch["input"].to(self.device))
            yield {**batch, "input": moved}

    def _log_window(self) -> None:
        loss = self.train_meter.window()
        if loss is None:
            return
        if not torch.isfinite(loss):
            raise every_target_ignored() if self.train_meter.met_nothing else loss_not_finite(self, loss)
        if self._effective.met_nothing:
            raise every_target_ignored()
        for logger in self.loggers:
            logger.log_metrics({"train/loss_step": float(loss)}, step=self.global_step)
            add_histogram = getattr(getattr(logger, "experiment", None), "add_histogram", None)
            if self._losses and add_histogram is not None:
                add_histogram("train/losses", torch.cat(self._losses).float(), self.global_step)
        self._losses.clear()

    def _log_epoch(self, stage: Stage) -> dict[str, float]:
        metrics = {f"{stage}/{name}": value for name, value in self.meter(stage).compute().items()}
        if self.meter(stage).met_nothing:
            raise every_target_ignored()
        if self.meter(stage).none_counted and (error := self.task.none_counted()):
            if stage == "train" or not self.task.compares_samples:
                raise error
            metrics.pop(f"{stage}/loss", None)  # the mean over nothing is no 0.0
        self.log_dict(metrics)
        self.meter(stage).reset()
        return metrics
