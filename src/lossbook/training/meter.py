"""The running figures of one stage: cheap at every step, exact at the end of an epoch."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics import Metric

from lossbook.losses.unrounded import unrounded
from lossbook.metrics.mean import WeightedMean
from lossbook.metrics.threshold import Thresholded
from lossbook.targets.encoding import Measure
from lossbook.tasks.step import Step

_BUFFER = 1 << 22  # elements of scores and targets that wait for the metrics, 16 MiB of float32


class Meter(nn.Module):
    """Loss, figures and metrics of one stage (train, val or test).

    A metric's update costs as much as a small network's whole step. So steps are only put aside, and the metrics
    see many of them at once: when ``flush`` is called, when too much has gathered, and before any result is read.

    Args:
        measures: metrics by name.
        train: keep only those that are cheap enough to follow training.
    """

    def __init__(self, measures: dict[str, Measure], train: bool = False) -> None:
        super().__init__()
        self.measures = {name: measure for name, measure in measures.items() if measure.train or not train}
        # dicts of metrics; to a type checker a ModuleDict holds modules alone
        self.metrics: Any = nn.ModuleDict({name: measure.metric for name, measure in self.measures.items()})
        self.means: Any = nn.ModuleDict({"loss": WeightedMean()})
        self._steps: list[Step] = []
        self._waiting = 0
        self._nothing = torch.zeros((), dtype=torch.bool)
        self._seen = self._sums()  # when a window was last closed

    def _apply(self, fn: Any, recurse: bool = True) -> Meter:
        return super()._apply(unrounded(fn), recurse)

    @property
    def met_nothing(self) -> bool:
        """Whether a step since the last reset was the mean over nothing: its loss nan and its weight 0."""
        return bool(self._nothing)

    @property
    def none_counted(self) -> bool:
        """Whether no step of any process since the last reset counted: no batch held, say, a pair to learn from.

        All processes ask at once.
        """
        return not bool(_over_processes(self.means["loss"].weight))

    def add(self, step: Step) -> None:
        """Put the outcome of a batch aside, without the graph behind its loss."""
        self._steps.append(replace(step, loss=step.loss.detach()))
        self._waiting += step.scores.numel()
        if self._waiting > _BUFFER:
            self.flush()

    def window(self) -> Tensor | None:
        """The mean loss of all processes' steps since this was last asked, or None if there were none."""
        self.flush()
        mean, (updates, total, weight) = self.means["loss"], self._seen
        self._seen = self._sums()
        if mean.update_count == updates:
            return None
        total, weight = _over_processes(torch.stack([mean.total - total, mean.weight - weight]))
        # without a pair or triplet in any batch the loss is 0, and no nan that would end the run
        return total / weight.clamp_min(torch.finfo(torch.float64).tiny)

    def flush(self) -> None:
        """Bring the metrics up to date."""
        steps, self._steps, self._waiting = self._steps, [], 0
        if not steps:
            return
        losses = torch.stack([step.loss for step in steps])
        weights = self._weights([step.weight for step in steps], losses)
        self._nothing = self._nothing.to(losses.device) | (losses.isnan() & (weights == 0)).any()
        self.means["loss"].update(losses, weights)
        if any(step.count is not None for step in steps):
            weights = self._weights([step.weight if step.count is None else step.count for step in steps], losses)
        for name in dict.fromkeys(name for step in steps for name in step.figures):
            having = [i for i, step in enumerate(steps) if name in step.figures]
            if name not in self.means:
                self.means[name] = WeightedMean().to(losses.device)
            values = torch.stack([steps[i].figures[name].to(losses.device).float() for i in having])
            self.means[name].update(values, weights[having])
        if self.measures:
            for scores, target in _joined(steps):
                for measure in self.measures.values():
                    measure.metric.update(*measure.view(scores, target))

    def compute(self) -> dict[str, float]:
        """All figures since the last reset, by name; what is not finite is left out, but for the loss."""
        self.flush()
        self._agree()
        values: dict[str, Any] = {name: mean.compute() for name, mean in self.means.items() if _updated(mean)}
        for name, metric in self.metrics.items():
            if _updated(metric):
                result = metric.compute()
                values.update(result if isinstance(result, dict) else {name: result})
        figures = {name: float(value) for name, value in values.items()}
        return {name: value for name, value in figures.items() if math.isfinite(value) or name == "loss"}

    def reset(self) -> None:
        self._steps, self._waiting = [], 0
        self._nothing = torch.zeros((), dtype=torch.bool)
        for metric in (*self.means.values(), *self.metrics.values()):
            metric.reset()
        self._seen = self._sums()

    def choose_thresholds(self, choose: bool) -> None:
        """Whether thresholds are chosen on what this meter sees, or kept."""
        for metric in self.metrics.values():
            if isinstance(metric, Thresholded):
                metric.choose = choose

    def take_thresholds(self, other: Meter) -> None:
        """Take over the thresholds that another meter chose."""
        for name, metric in self.metrics.items():
            if isinstance(metric, Thresholded):
                metric.threshold = other.metrics[name].threshold.clone()

    def running(self) -> dict[str, Any]:
        """The sums within an epoch, as plain containers and tensors, to be saved."""
        self.flush()
        updates, *seen = self._seen
        sums = {name: _state(metric) for name, metric in self._all()}
        return {**sums, "window": {"updates": updates, "sums": torch.stack(seen).cpu()}}

    def restore(self, running: dict[str, Any]) -> None:
        """Go on from saved sums."""
        for name in running:
            kind, _, short = name.partition(".")
            if kind == "means" and short not in self.means:
                self.means[short] = WeightedMean()
        for name, metric in self._all():
            if name in running:
                _set_state(metric, running[name])
        if "window" in running:
            total, weight = running["window"]["sums"].to(self.means["loss"].device)
            self._seen = running["window"]["updates"], total, weight

    def _sums(self) -> tuple[int, Tensor, Tensor]:
        """How often the loss was summed up, its sum and that of its weights, as they are now."""
        mean = self.means["loss"]
        return mean.update_count, mean.total.clone(), mean.weight.clone()

    def _all(self) -> list[tuple[str, Metric]]:
        return [(f"means.{k}", m) for k, m in self.means.items()] + [
            (f"metrics.{k}", m) for k, m in self.metrics.items()
        ]

    def _agree(self) -> None:
        """The same means, in the same order, in all processes: each asks the others for its sums when it is read.

        A process without, say, a pair in any of its batches has none of a pair's figures; it takes part with weight 0.
        """
        if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
            return
        every: list[list[str]] = [[] for _ in range(torch.distributed.get_world_size())]
        torch.distributed.all_gather_object(every, [name for name, mean in self.means.items() if _updated(mean)])
        device = self.means["loss"].total.device
        means = {name: self.means[name] if name in self.means else WeightedMean() for names in every for name in names}
        for mean in means.values():
            if not _updated(mean):
                mean.to(device).update(torch.zeros(1, device=device), torch.zeros(1, device=device))
        rest = {name: mean for name, mean in self.means.items() if name not in means}
        self.means = nn.ModuleDict({**means, **rest})

    @staticmethod
    def _weights(weights: list[float | Tensor], like: Tensor) -> Tensor:
        if any(isinstance(weight, Tensor) for weight in weights):
            return torch.stack([torch.as_tensor(weight, device=like.device).float() for weight in weights])
        # the default dtype is the trainer's precision here: bfloat16 has no 257
        return torch.tensor([float(weight) for weight in weights], dtype=torch.float32, device=like.device)


def _over_processes(sums: Tensor) -> Tensor:
    """Sums over this process's steps -> over those of all."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        sums = sums.clone()
        torch.distributed.all_reduce(sums)
    return sums


def _updated(metric: Metric) -> bool:
    return metric.update_count > 0


def _joined(steps: list[Step]) -> list[tuple[Tensor, Tensor]]:
    """Scores and targets of consecutive steps as one, wherever their shapes allow it."""
    groups: list[list[tuple[Tensor, Tensor]]] = []
    for step in steps:
        target = step.target if step.target is not None else step.scores.new_zeros(len(step.scores))
        pair = (step.scores, target)
        last = groups[-1][0] if groups else None
        if last and last[0].shape[1:] == pair[0].shape[1:] and last[1].shape[1:] == pair[1].shape[1:]:
            groups[-1].append(pair)
        else:
            groups.append([pair])
    return [
        group[0] if len(group) == 1 else (torch.cat([s for s, _ in group]), torch.cat([t for _, t in group]))
        for group in groups
    ]


def _state(metric: Metric) -> dict[str, Any]:
    def copied(value: Any) -> Any:
        return [copied(v) for v in value] if isinstance(value, list) else value.detach().to("cpu", copy=True)

    return {
        "updates": metric.update_count,
        "state": {name: copied(value) for name, value in metric.metric_state.items()},
    }


def _set_state(metric: Metric, saved: dict[str, Any]) -> None:
    for name, value in saved["state"].items():
        # detached: what a file calls a parameter would become one of the metric's
        moved = (
            [v.detach().to(metric.device) for v in value]
            if isinstance(value, list)
            else value.detach().to(metric.device)
        )
        setattr(metric, name, moved)
    metric._update_count = saved["updates"]
    metric._computed = None
