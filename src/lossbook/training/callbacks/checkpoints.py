"""Save the best and the last checkpoint of a run, at moments from which training resumes bit for bit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import lightning
import torch
from lightning.pytorch.callbacks import Checkpoint

from lossbook.checkpoints.entries import each, entries, finite, flag, number, optional, require, whole
from lossbook.checkpoints.read import ENTRY, read
from lossbook.errors import UserError, refuse
from lossbook.files import gone, write_whole
from lossbook.training.callbacks.interrupt import InterruptRequest
from lossbook.training.callbacks.record import Record
from lossbook.training.divergence import holds_finite_weights, weights_not_finite
from lossbook.training.lightning_internals import is_accumulating, is_last_batch, validation_follows

_METRICS = each(number, str)
_STATE = entries(
    {
        "best_value": optional(finite),
        "best_loss": number,
        "best_epoch": optional(whole),
        "best_figures": _METRICS,
    },
    {"last_figures": _METRICS, "best_by_loss": flag},  # older checkpoints have neither
)
TIE_BREAKER = "val/loss"
# may change without effect on validation
NOT_MEASURED = ("data.epochs", "data.download", "data.num_workers", "data.cache", "data.cache_dir")

# When a checkpoint may be written, under Lightning 2.6:
#
# - At an epoch's end: ``on_train_epoch_end``, after validation and after the module has logged its epoch (subclasses of
#   ``Checkpoint`` are called last). Its counters then say "epoch processed, not completed", which a resumed run counts
#   as done: it starts the next epoch with a new loader. Only torch's ReduceLROnPlateau is stepped later, and is refused
#   for that reason. (``on_train_epoch_start`` of the next epoch would be too late: a run resumed from there counts that
#   whole epoch as done.)
# - Within an epoch: ``on_train_batch_end``. The optimizer and the schedulers of that step have stepped, the loader has
#   returned exactly this batch, and a resumed run counts it as completed. In three cases this would be wrong, and the
#   checkpoint waits for the next possible moment: gradients are being accumulated (they are not saved); it is the
#   epoch's last batch; or a validation follows (a resumed run counts it as done and skips it).
# - After a validation within an epoch: ``on_validation_end``; a resumed run does not repeat the validation.


class Checkpoints(Checkpoint):
    """Saves ``best.ckpt`` (best primary metric; ties go to the lower ``val/loss``) and ``last.ckpt``.

    The module's ``primary`` is the metric's tag and its direction (``("val/acc", "max")``). Where the metric or
    ``val/loss`` is not finite, the epoch is never the best; weights that are not finite are never written. After Ctrl-C
    and SIGTERM ``last.ckpt`` is written at the next possible moment, and the run stops. A resumed run copies the
    ``best.ckpt`` beside its checkpoint, unless its loss or data have changed.

    Args:
        folder: where to write; None: ``checkpoints`` in the trainer's ``default_root_dir``.
        every_n_steps: write ``last.ckpt`` also every so many optimizer steps, not only at each epoch's end.

    Raises (from ``trainer.fit``):
        UserError: a file cannot be written, or the weights are not finite; the previous file is intact.
    """

    def __init__(self, folder: str | Path | None = None, every_n_steps: int | None = None) -> None:
        if every_n_steps is not None and every_n_steps < 1:
            raise refuse(
                f"callbacks.checkpoints.every_n_steps={every_n_steps}",
                "It must be a number of steps, 1 or more.",
                "callbacks.checkpoints.every_n_steps=null saves only at each epoch's end",
            )
        self.folder = Path(folder) if folder is not None else None
        self.every_n_steps = every_n_steps
        self.best_value: float | None = None
        self.best_loss = math.inf  # val/loss at the best value
        self.best_epoch: int | None = None  # from 0
        self.best_by_loss = False  # other epochs have the best value, too, and the lower val/loss decided
        self.best_metrics: dict[str, float] = {}  # metrics of train/ and val/ at that time
        self.last_metrics: dict[str, float] = {}  # the same when a checkpoint was last written
        self.best_path: Path | None = None  # None until the file exists in this run's folder
        self.last_path: Path | None = None
        self._validated = False  # since best.ckpt was last considered
        self._run_folder: Path | None = None  # if it exists at the start, it must not vanish
        self._said = False  # printed that the primary metric has no value
        self._last_step = 0  # optimizer steps when last.ckpt was written
        self._changed: list[str] = []  # of loss, data: changed since the checkpoint, so that metrics do not compare
        self._interrupt = InterruptRequest()

    def state_dict(self) -> dict[str, Any]:
        return {
            "best_value": self.best_value,
            "best_loss": self.best_loss,
            "best_epoch": self.best_epoch,
            "best_by_loss": self.best_by_loss,
            "best_figures": self.best_metrics,
            "last_figures": self.last_metrics,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        require(state_dict, _STATE)
        self.best_value, self.best_loss = state_dict["best_value"], state_dict["best_loss"]
        self.best_epoch, self.best_metrics = state_dict["best_epoch"], state_dict["best_figures"]
        self.last_metrics = state_dict.get("last_figures", {})
        self.best_by_loss = state_dict.get("best_by_loss", False)

    def on_load_checkpoint(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        record = next((c for c in trainer.callbacks if isinstance(c, Record)), None)  # type: ignore[attr-defined]
        now, before = record.entry if record else {"config": {}}, checkpoint[ENTRY]
        self._changed = [group for group in ("loss", "data") if _measured(now, group) != _measured(before, group)]
        marks = {_fingerprint(entry) for entry in (now, before)} - {None}
        self._changed += ["data"] if len(marks) > 1 and "data" not in self._changed else []

    def setup(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, stage: str) -> None:
        if self.folder is None:
            self.folder = Path(trainer.default_root_dir) / "checkpoints"
        self.folder = trainer.strategy.broadcast(self.folder)  # all read best.ckpt where the first wrote it
        if Path(trainer.default_root_dir).is_dir() and trainer.is_global_zero:
            self._run_folder = Path(trainer.default_root_dir)
        self._interrupt.attach(trainer)

    def on_fit_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        # Lightning does not restore them; until the epoch's end training has only the previous epoch's
        carried = {} if self._changed else self.last_metrics
        trainer.callback_metrics.update({tag: torch.tensor(value) for tag, value in carried.items()})
        if trainer.ckpt_path is not None and self.best_value is not None:
            self._copy_best(trainer, Path(trainer.ckpt_path).parent / "best.ckpt")
        if trainer.ckpt_path is not None and self.folder is not None:
            last = self.folder / "last.ckpt"  # exists where the run is resumed in place
            self.last_path = last if Path(trainer.ckpt_path).resolve().parent == last.resolve().parent else None

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self._last_step = trainer.global_step
        self._interrupt.hold()

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self._interrupt.stop_if_requested(trainer)  # during the epoch before, which is logged now

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._last_is_due(trainer):
            later = is_last_batch(trainer) or is_accumulating(trainer) or validation_follows(trainer)
            if not later:
                self._write_last(trainer)

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        if trainer.sanity_checking or trainer.state.fn != "fit":
            return
        self._validated = True
        if not is_last_batch(trainer):
            self._write_best(trainer, pl_module)  # even while gradients accumulate: the weights are those validated
            if self._last_is_due(trainer) and not is_accumulating(trainer):
                self._write_last(trainer)

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self._write_best(trainer, pl_module)  # first: if killed in between, last.ckpt is an epoch behind, not ahead
        # of an unfinished epoch (max_steps, max_time) the file written within it resumes exactly
        unfinished = not is_last_batch(trainer)
        if not (unfinished and self.last_path is not None and self._last_step == trainer.global_step):
            self._write_last(trainer)

    def on_train_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self._interrupt.agree(trainer)
        self._interrupt.release()
        self._interrupt.stop_if_requested(trainer)

    def on_exception(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, exception: BaseException
    ) -> None:
        self._interrupt.release()

    def _last_is_due(self, trainer: lightning.Trainer) -> bool:
        if self._interrupt.requested or trainer.should_stop or trainer.global_step == trainer.max_steps:
            return True
        every = self.every_n_steps
        return every is not None and trainer.global_step // every > self._last_step // every

    def _write_last(self, trainer: lightning.Trainer) -> None:
        assert self.folder is not None
        self._refuse_gone()
        _refuse_not_finite(trainer)
        self.last_metrics = _metrics(trainer)
        trainer.save_checkpoint(self.folder / "last.ckpt")  # on every process; one of them writes
        self.last_path, self._last_step = self.folder / "last.ckpt", trainer.global_step
        if not is_last_batch(trainer):
            self._interrupt.stop_if_requested(trainer)

    def _write_best(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        if not self._validated:
            return
        self._validated = False
        name, mode = cast("tuple[str, str]", pl_module.primary)
        metrics = trainer.callback_metrics
        if name not in metrics:
            self._say_missing(trainer, name)
        value, loss = float(metrics.get(name, math.nan)), float(metrics.get(TIE_BREAKER, 0.0))
        tied = value == self.best_value and math.isfinite(loss) and name != TIE_BREAKER
        self.best_by_loss |= tied
        if is_better(value, loss, self.best_value, self.best_loss, mode):
            assert self.folder is not None
            self._refuse_gone()
            _refuse_not_finite(trainer)
            before = self.best_value, self.best_loss, self.best_epoch, self.best_by_loss, self.best_metrics
            self.best_value, self.best_loss, self.best_epoch = value, loss, trainer.current_epoch
            self.best_by_loss = tied
            self.best_metrics = self.last_metrics = _metrics(trainer)
            try:
                trainer.save_checkpoint(self.folder / "best.ckpt")
            except BaseException:  # the previous file is intact, and still the best of the run
                self.best_value, self.best_loss, self.best_epoch, self.best_by_loss, self.best_metrics = before
                raise
            self.best_path = self.folder / "best.ckpt"

    def _refuse_gone(self) -> None:
        """Raise an error if the run's folder was removed: making it again would leave half a run there."""
        if self._run_folder is not None and not self._run_folder.is_dir():
            raise gone(self._run_folder)

    def _say_missing(self, trainer: lightning.Trainer, name: str) -> None:
        """Say once a run that the metric is not defined on its validation part, and so cannot decide."""
        if not self._said:
            self._said = True
            trainer.print(
                f"{name} has no value on this validation part (too few samples, or all of one value, class or kind of"
                " pair): best.ckpt is not written until it has one; last.ckpt is."
            )

    def _copy_best(self, trainer: lightning.Trainer, old: Path) -> None:
        """Copy the best checkpoint of the previous run, or start without a best."""
        assert self.folder is not None
        if self._changed:
            self._drop_best(trainer, f"The checkpoint's best is from another {' and other '.join(self._changed)}")
            return
        new = self.folder / "best.ckpt"
        same = trainer.is_global_zero and self._is_our_best(trainer, old)
        if same and old.resolve() != new.resolve():
            write_whole(new, lambda memory: memory.write(old.read_bytes()))
        if trainer.strategy.broadcast(same):
            self.best_path = new
            return
        self._drop_best(trainer, f"{old} is not the best so far")

    def _drop_best(self, trainer: lightning.Trainer, why: str) -> None:
        trainer.print(f"{why} ({self.best_value:.4g}): the best from here on is kept.")
        self.best_value, self.best_loss, self.best_epoch, self.best_metrics = None, math.inf, None, {}
        self.best_by_loss = False

    def _is_our_best(self, trainer: lightning.Trainer, path: Path) -> bool:
        try:
            state = read(path).get("callbacks", {}).get(self.state_key, {})
        except UserError as error:
            if path.exists():
                trainer.print(error.problems[0].given)
            return False
        return (state.get("best_value"), state.get("best_loss")) == (self.best_value, self.best_loss)


def _metrics(trainer: lightning.Trainer) -> dict[str, float]:
    stages = ("train/", "val/")
    return {tag: float(metric) for tag, metric in trainer.callback_metrics.items() if tag.startswith(stages)}


def _measured(entry: Mapping[str, Any], group: str) -> dict[str, Any]:
    node = entry["config"].get(group) or {}
    return {key: value for key, value in node.items() if f"{group}.{key}" not in NOT_MEASURED}


def _fingerprint(entry: Mapping[str, Any]) -> str | None:
    mark: str | None = (entry.get("data") or {}).get("fingerprint")
    return mark


def is_better(value: float, loss: float, best: float | None, best_loss: float, mode: str) -> bool:
    """Return whether a metric's value beats the best so far (None: there is none); ties go to the lower loss.

    A value is never better where it or the loss is not finite.
    """
    assert mode in ("max", "min")
    if not (math.isfinite(value) and math.isfinite(loss)):
        return False
    if best is None or value == best:
        return best is None or loss < best_loss
    return value > best if mode == "max" else value < best


def _refuse_not_finite(trainer: lightning.Trainer) -> None:
    """Raise an error in all processes if the weights of one are not finite: each may hold a shard of the model."""
    module = trainer.lightning_module
    if not trainer.strategy.reduce_boolean_decision(holds_finite_weights(module)):
        raise weights_not_finite(module)
