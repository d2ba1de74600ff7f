"""The one LightningModule: any model, any objective, any optimizer."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any, Literal, cast

import lightning as L
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torchmetrics.utilities.distributed import gather_all_tensors

from lossbook.errors import UserError, refuse
from lossbook.losses.objective import Objective, every_target_ignored
from lossbook.metrics.retrieval import Retrieval
from lossbook.optim.repeats import Repeats
from lossbook.optim.schedules.length import length_of
from lossbook.optim.schedules.make import MakeScheduler
from lossbook.optim.schedules.plateau import Plateau
from lossbook.optim.schedules.resume import go_on
from lossbook.processes import gathered, own_of
from lossbook.tasks.step import Step
from lossbook.training.divergence import loss_not_finite
from lossbook.training.effective_batch import EffectiveBatch, share_buffers
from lossbook.training.lightning_internals import HOOK_NAME, batch_number
from lossbook.training.meter import Meter

Stage = Literal["train", "val", "test"]
MakeOptimizer = Callable[[nn.Module], Optimizer]
_SET_OFTEN = (HOOK_NAME, "_evaluated")


class LossbookModule(L.LightningModule):
    """Trains a model on an objective, and follows its figures.

    Logged under ``<stage>/<name>``: at the end of each epoch the exact loss and every metric, and while training
    the mean loss of the steps since the last log as ``train/loss_step``.

    Args:
        model: takes ``input``, or ``input, input_lengths``; gives (N, K), (N, K, H, W), or (N, T, K) with lengths.
        objective: of the data that comes.
        primary: name of the metric that checkpoints watch, and whether its ``max`` or ``min`` is best.
        make_optimizer: module -> optimizer.
        make_scheduler: (optimizer, length of the run) -> Lightning's scheduler config, or None.
        check_targets: check the targets of every batch; not needed where the whole set was checked before.
        repeats: the optimizer evaluates a batch several times a step.
    """

    def __init__(
        self,
        model: nn.Module,
        objective: Objective,
        primary: tuple[str, str],
        make_optimizer: MakeOptimizer,
        make_scheduler: MakeScheduler | None = None,
        check_targets: bool = True,
        repeats: bool = False,
    ) -> None:
        super().__init__()
        self.model = model
        self.objective = objective
        self.primary = (f"val/{primary[0]}", primary[1])
        self.make_optimizer = make_optimizer
        self.make_scheduler = make_scheduler
        self.check_targets = check_targets
        self.takes_lengths = "input_lengths" in inspect.signature(model.forward).parameters
        self.train_meter = Meter(objective.measures(), train=True)
        self.val_meter = Meter(objective.measures())
        self.test_meter = Meter(objective.measures())
        self.test_meter.choose_thresholds(False)
        self._losses: list[Tensor] = []
        self._evaluated = -1  # number of the batch whose figures are taken
        self._repeats = Repeats() if repeats else None
        self._effective = EffectiveBatch(objective.reduction == "sum")
        self._schedules: list[dict[str, Any]] | None = None  # of the checkpoint that the run goes on from

    def __setattr__(self, name: str, value: Any) -> None:
        """Plain values are set many times a step (Lightning notes every hook); a module's usual way takes 2 us each."""
        if name in _SET_OFTEN:
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)

    def meter(self, stage: Stage) -> Meter:
        """The running figures of a stage."""
        return cast(Meter, getattr(self, f"{stage}_meter"))

    def forward(self, input: Tensor, input_lengths: Tensor | None = None) -> Any:
        """The model's raw output."""
        return self.model(input, input_lengths) if self.takes_lengths else self.model(input)

    def on_before_batch_transfer(self, batch: dict[str, Any], dataloader_idx: int) -> dict[str, Any]:
        """Checks targets that nobody has seen before while they are on the CPU: a GPU would have to be waited for."""
        if self.check_targets and not self.trainer.predicting:
            stage: Stage = "train" if self.trainer.training else "test" if self.trainer.testing else "val"
            self.objective.check(batch, f"batch {batch_number(self.trainer, stage)} of the {stage} part")
        return batch

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        # An optimizer that searches along a line evaluates a batch many times: its figures are those before the step.
        first = batch_idx != self._evaluated
        self._evaluated = batch_idx
        with nullcontext() if self._repeats is None else self._repeats.evaluation(self, first):
            step = self._step(batch, "train" if first else None)
        if not first:
            return step.loss
        # Reading the loss costs a microsecond on the CPU; a GPU would have to wait for it, and looks at each log.
        if step.loss.device.type == "cpu" and not math.isfinite(step.loss.item()):
            raise loss_not_finite(self, step.loss.detach())
        self._effective.count = step.weight
        if step.losses is not None:
            self._losses.append(step.losses.flatten())
        if (batch_idx + 1) % self.trainer.log_every_n_steps == 0:  # type: ignore[attr-defined]
            self._log_window()
        return step.loss

    def backward(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        self._effective.backward(self, loss, *args, **kwargs)

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        self._step(batch, "val")

    def test_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        self._step(batch, "test")

    def on_train_epoch_start(self) -> None:
        self._evaluated = -1
        self._effective.start()
        self._pass_over_ignored()

    def on_train_epoch_end(self) -> None:
        self._log_window()
        self._log_epoch("train")

    def on_validation_epoch_start(self) -> None:
        self.val_meter.reset()
        self._pass_over_ignored()
        share_buffers(self.model, self.trainer.world_size)
        self._show_gallery("val")

    def on_validation_epoch_end(self) -> None:
        figures = self._log_epoch("val")
        for config in self.trainer.lr_scheduler_configs if self.trainer.state.fn == "fit" else ():
            if isinstance(config.scheduler, Plateau):
                config.scheduler.observe(figures)
        self.test_meter.take_thresholds(self.val_meter)

    def on_test_epoch_start(self) -> None:
        self.test_meter.reset()
        self._pass_over_ignored()
        share_buffers(self.model, self.trainer.world_size)
        self._show_gallery("test")

    def on_test_epoch_end(self) -> None:
        self._log_epoch("test")

    def configure_optimizers(self) -> Any:
        optimizer = self.make_optimizer(self)
        if self.make_scheduler is None:
            return optimizer
        return {
            "optimizer": optimizer,
            "lr_scheduler": self.make_scheduler(optimizer, length_of(self.trainer)),
        }

    def on_train_start(self) -> None:
        saved, self._schedules = self._schedules, None
        progress: Any = self.trainer.fit_loop.epoch_progress.current
        for config in self.trainer.lr_scheduler_configs if saved is not None else ():
            done = progress.processed if config.interval == "epoch" else self.global_step
            go_on(config.scheduler, saved[0] if saved else None, done // config.frequency)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["meter"] = gathered(self.train_meter.running(), self.trainer.world_size)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        own = own_of(checkpoint["meter"], self.trainer.global_rank, self.trainer.world_size)
        self.train_meter.restore(own or {})
        # Lightning would load them as they are, whatever the classes
        if self.trainer.state.fn == "fit" and "lr_schedulers" in checkpoint:
            self._schedules, checkpoint["lr_schedulers"] = checkpoint["lr_schedulers"], []

    def _step(self, batch: dict[str, Any], stage: Stage | None) -> Step:
        """The objective of a batch, added to the figures of the stage; None: they hold this batch already."""
        output, lengths = self.output_of(batch)
        step: Step = self.objective(output, batch, lengths)
        if stage is not None:
            self.meter(stage).add(self._effective.logged(self, step))
        return step

    def _pass_over_ignored(self) -> None:
        """A batch without a target that counts is part of a larger one, where there are several to a step."""
        several = self.trainer.world_size > 1 or self.trainer.accumulate_grad_batches > 1
        self.objective.passes_over_ignored = several

    def output_of(self, batch: dict[str, Any]) -> tuple[Tensor | tuple[Tensor, ...], Tensor | None]:
        """The model's output for a batch, a tuple for a tuple of inputs, and the lengths of sequences.

        Raises:
            UserError: it gave something else.
        """
        inputs = batch["input"]
        if not isinstance(inputs, tuple):
            output = self(inputs, batch.get("input_lengths"))
            if isinstance(output, Tensor):
                return output, None
            sequence = self.objective.schema.output == "sequence"
            if not (sequence and isinstance(output, tuple) and len(output) == 2 and isinstance(output[0], Tensor)):
                raise no_tensor(output, sequence)
            return output
        if "clean" in batch:
            inputs = (*inputs, batch["clean"])
        # one pass for all views: faster, and batch norm sees them together
        output = self(torch.cat(inputs))
        if not isinstance(output, Tensor):
            raise no_tensor(output)
        return output.chunk(len(inputs)), None

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
        figures = {f"{stage}/{name}": value for name, value in self.meter(stage).compute().items()}
        if self.meter(stage).met_nothing:
            raise every_target_ignored()
        if self.meter(stage).none_counted and (error := self.objective.none_counted()):
            if stage == "train" or not self.objective.forms_inputs:
                raise error
            del figures[f"{stage}/loss"]  # the mean over nothing is no 0.0
        self.log_dict(figures)
        self.meter(stage).reset()
        return figures

    @torch.no_grad()
    def _show_gallery(self, stage: Stage) -> None:
        """Embed the training part, for metrics that look for neighbours in it."""
        metrics = [m for m in self.meter(stage).metrics.values() if isinstance(m, Retrieval)]
        data = getattr(self.trainer, "datamodule", None)
        loader = data.gallery_dataloader() if metrics and data is not None else None
        if loader is None:
            return
        embeddings, labels = [], []
        precision = self.trainer.precision_plugin
        for batch in loader:
            with precision.forward_context():
                output = self(precision.convert_input(batch["input"].to(self.device)))
            embeddings.append(self.objective.activate(output))
            labels.append(batch["target"].to(self.device).long())
        rows, classes = torch.cat(embeddings), torch.cat(labels)
        if self.trainer.world_size > 1:  # each process has embedded its share
            rows, classes = (torch.cat(gather_all_tensors(share)) for share in (rows, classes))
        for metric in metrics:
            metric.gallery = (rows, classes)


def no_tensor(output: Any, sequence: bool = False) -> UserError:
    """The refusal of a model's output that is no tensor, nor one with the lengths of its sequences."""
    what = "None" if output is None else f"a {type(output).__name__}"
    if isinstance(output, Mapping):
        what += f" of {', '.join(map(str, output))}"
    elif isinstance(output, (tuple, list)):
        what += f" of {len(output)}"
    rule = "It gives one tensor, the scores" + (", or a tuple of it and the lengths (N,)." if sequence else ".")
    return refuse(f"The model gave {what}.", rule, "return the scores alone, such as output['logits'] or output[0]")
