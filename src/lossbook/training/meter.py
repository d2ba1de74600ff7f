"""The running metrics of one stage: cheap at every step, exact at the end of an epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics import Metric

from lossbook.losses.unrounded import unrounded
from lossbook.metrics.mean import WeightedMean
from lossbook.metrics.threshold import Thresholded
from lossbook.targets.encoding import Measure
from lossbook.tasks.step import Observation, Step, TermLoss
from lossbook.tasks.task import loss_names, of

_ONE = {"": 1.0}
_BUFFER = 1 << 22  # elements of scores and targets that wait for the metrics, 16 MiB of float32


class Meter(nn.Module):
    """Loss, terms and metrics of one stage (train, val or test).

    A metric's update costs as much as a small network's whole step. So steps are only put aside, and the metrics
    see many of them at once: when ``flush`` is called, when too much has gathered, and before any result is read.

    Args:
        measures: metrics by head and name; the empty head where there is one alone.
        terms: the weight of each term of the loss; the empty name where there is one alone.
        train: keep only those metrics that are cheap enough to follow training.
    """

    def __init__(
        self, measures: Mapping[str, Mapping[str, Measure]], terms: Mapping[str, float] = _ONE, train: bool = False
    ) -> None:
        super().__init__()
        self.heads = {
            head: {name: measure for name, measure in named.items() if measure.train or not train}
            for head, named in measures.items()
        }
        self.terms = dict(terms)
        self._losses = loss_names(self.terms)
        every = {of(head, name): one.metric for head, named in self.heads.items() for name, one in named.items()}
        # dicts of metrics; to a type checker a ModuleDict holds modules alone
        self.metrics: Any = nn.ModuleDict(every)
        self.means: Any = nn.ModuleDict({name: WeightedMean() for name in self._losses})
        self._steps: list[tuple[dict[str, TermLoss], dict[str, Observation]]] = []
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
        """Whether for a term no step of any process since the last reset counted: no batch held, say, a pair.

        All processes ask at once.
        """
        weights = torch.stack([self.means[name].weight for name in self._losses])
        return self._first.update_count > 0 and not bool(_over_processes(weights).all())

    def add(self, step: Step) -> None:
        """Put the outcome of a batch aside; the graph behind its loss is not kept."""
        self._steps.append((step.terms, step.heads))
        for observed in step.heads.values():
            self._waiting += observed.scores.numel()
        if self._waiting > _BUFFER:
            self.flush()

    def window(self) -> Tensor | None:
        """The mean loss of all processes' steps since this was last asked, or None if there were none."""
        self.flush()
        (updates, before), now = self._seen, self._sums()
        self._seen = now
        if now[0] == updates:
            return None
        sums = _over_processes(torch.stack([now[1][name] - before[name] for name in self._losses]))
        # without a pair or triplet in any batch the loss is 0, and no nan that would end the run
        means = sums[:, 0] / sums[:, 1].clamp_min(torch.finfo(torch.float64).tiny)
        return (means * means.new_tensor([*self.terms.values()])).sum()

    def flush(self) -> None:
        """Bring the metrics up to date."""
        steps, self._steps, self._waiting = self._steps, [], 0
        if not steps:
            return
        for name, term in self._losses.items():
            of_term = [terms[term] for terms, _ in steps if term in terms]
            if of_term:
                losses = torch.stack([one.loss for one in of_term])
                weights = self._weights([one.weight for one in of_term], losses)
                self._nothing = self._nothing.to(losses.device) | (losses.isnan() & (weights == 0)).any()
                self.means[name].update(losses, weights)
        for head, measures in self.heads.items():
            observed = [heads[head] for _, heads in steps if head in heads]
            self._add_metrics(head, observed)
            if measures and observed:
                for scores, target in _joined(observed):
                    for measure in measures.values():
                        measure.metric.update(*measure.view(scores, target))

    def _add_metrics(self, head: str, observed: list[Observation]) -> None:
        for name in dict.fromkeys(name for one in observed for name in one.metrics):
            having = [one for one in observed if name in one.metrics]
            values = torch.stack([one.metrics[name].to(one.scores.device).float() for one in having])
            key = of(head, name)
            if key not in self.means:
                self.means[key] = WeightedMean().to(values.device)
            self.means[key].update(values, self._weights([one.count for one in having], values))

    def compute(self) -> dict[str, float]:
        """All metrics since the last reset, by name; what is not finite is left out, but for the loss."""
        self.flush()
        self._agree()
        values: dict[str, Any] = {name: mean.compute() for name, mean in self.means.items() if _updated(mean)}
        if len(self.terms) > 1 and values.keys() >= self._losses.keys():
            total = sum(self.terms[term] * values[name] for name, term in self._losses.items())
            values = {"loss": total, **values}
        elif self._only != 1 and "loss" in values:
            values["loss"] = self._only * values["loss"]
        for head, measures in self.heads.items():
            for name in measures:
                metric = self.metrics[of(head, name)]
                if _updated(metric):
                    result = metric.compute()
                    named = result if isinstance(result, dict) else {name: result}
                    values.update({of(head, key): value for key, value in named.items()})
        metrics = {name: float(value) for name, value in values.items()}
        losses = ("loss", *self._losses)
        return {name: value for name, value in metrics.items() if math.isfinite(value) or name in losses}

    @property
    def _only(self) -> float:
        """The weight of a term that is the only one."""
        return next(iter(self.terms.values()))

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
        updates, seen = self._seen
        sums = {name: _state(metric) for name, metric in self._all()}
        window = torch.stack([seen[name] for name in self._losses]).cpu()
        return {**sums, "window": {"updates": updates, "sums": window.squeeze(0)}}

    def restore(self, running: dict[str, Any]) -> None:
        """Go on from saved sums; those of other terms of the loss, which has been changed since, are dropped."""
        if running and any(f"means.{name}" not in running for name in self._losses):
            return
        for name in running:
            kind, _, short = name.partition(".")
            if kind == "means" and short not in self.means:
                self.means[short] = WeightedMean()
        for name, metric in self._all():
            if name in running:
                _set_state(metric, running[name])
        if "window" in running:
            sums = running["window"]["sums"].to(self._first.total.device).reshape(-1, 2)
            self._seen = running["window"]["updates"], dict(zip(self._losses, sums, strict=True))

    def of_heads(self) -> dict[str, dict[str, Metric]]:
        """The metrics by head and name."""
        return {head: {name: one.metric for name, one in named.items()} for head, named in self.heads.items()}

    def thresholds(self) -> dict[str, Tensor]:
        """The thresholds that were chosen on validation, by the metric's name."""
        return {
            name: metric.threshold
            for name, metric in self.metrics.items()
            if isinstance(metric, Thresholded) and not metric.threshold.isinf()
        }

    @property
    def _first(self) -> WeightedMean:
        mean: WeightedMean = self.means[next(iter(self._losses))]
        return mean

    def _sums(self) -> tuple[int, dict[str, Tensor]]:
        """How often the losses were summed up; their sums and those of their weights, (2,), as they are now."""
        sums = {name: torch.stack([self.means[name].total, self.means[name].weight]) for name in self._losses}
        return self._first.update_count, sums

    def _all(self) -> list[tuple[str, Metric]]:
        return [(f"means.{k}", m) for k, m in self.means.items()] + [
            (f"metrics.{k}", m) for k, m in self.metrics.items()
        ]

    def _agree(self) -> None:
        """The same means, in the same order, in all processes: each asks the others for its sums when it is read.

        A process without, say, a pair in any of its batches has none of a pair's metrics; it takes part with weight 0.
        """
        if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
            return
        every: list[list[str]] = [[] for _ in range(torch.distributed.get_world_size())]
        torch.distributed.all_gather_object(every, [name for name, mean in self.means.items() if _updated(mean)])
        device = self._first.total.device
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


def _joined(observed: list[Observation]) -> list[tuple[Tensor, Tensor]]:
    """Scores and targets of consecutive steps as one, wherever their shapes allow it."""
    groups: list[list[tuple[Tensor, Tensor]]] = []
    for step in observed:
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
