"""What a test says beyond its metrics: each class, how well probabilities are calibrated, and the worst mistakes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import lightning as L
import numpy as np
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.classification import BinaryCalibrationError, MulticlassCalibrationError

from lossbook.losses.objective import Objective
from lossbook.metrics.per_class import Row, class_rows, label_rows
from lossbook.targets.encoding import TEMPERATURE, Prediction
from lossbook.tasks.step import Step
from lossbook.tasks.task import thresholds_of
from lossbook.training.module import LossbookModule

BINS = 15  # of the calibration error, as Guo et al. 2017 have it


@dataclass(order=True)
class Mistake:
    """A sample that was predicted wrongly.

    Args:
        severity: how wrong; what it counts belongs to the kind of target.
        index: of the sample in the test part.
        said, true: prediction and target in words.
        confidence: of the prediction; None where the loss trains no probabilities.
    """

    severity: float
    index: int
    said: str = field(compare=False)
    true: str = field(compare=False)
    confidence: float | None = field(compare=False)


@dataclass
class HeadDetails:
    """What was found on one head.

    Args:
        names: of its classes; empty where there are none.
        confusion: (C, C) or, of labels, (L, 2, 2); None where nothing is decided between classes.
        rows: a dict for each class.
        mistakes: the worst first.
        wrong: how many samples were predicted wrongly at all; None where that cannot be said.
        calibration: ``temperature``, and the expected calibration error at temperature 1 and at that one.
    """

    names: tuple[str, ...]
    confusion: np.ndarray | None
    rows: list[Row]
    mistakes: list[Mistake]
    wrong: int | None
    calibration: Mapping[str, float]


class Details(L.Callback):
    """Collects what ``HeadDetails`` holds while a checkpoint is tested on one process.

    Args:
        worst: at most so many mistakes are kept.
    """

    def __init__(self, worst: int = 100) -> None:
        self.worst = worst
        self._heads: dict[str, _Collected] = {}

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        assert isinstance(pl_module, LossbookModule)
        thresholds = pl_module.test_meter.thresholds()
        self._heads = {
            head: _Collected(objective, thresholds_of(thresholds, head), self.worst)
            for head, objective in pl_module.task.heads.items()
        }
        pl_module.on_tested = self._add

    def _add(self, batch: dict[str, Any], step: Step) -> None:
        for head, observed in step.heads.items():
            if observed.target is not None:
                self._heads[head].add(observed.scores, observed.target, batch["index"])

    def found(self) -> dict[str, HeadDetails]:
        """Return what was collected, by head."""
        return {head: collected.found() for head, collected in self._heads.items()}


class _Collected:
    """The sums of one head."""

    def __init__(self, objective: Objective, thresholds: Mapping[str, Tensor], worst: int) -> None:
        self.objective, self.thresholds, self.worst = objective, thresholds, worst
        schema = objective.schema
        self.confusion = objective.kind.confusion(schema, objective.encoding.ignore_index) if schema.classes else None
        self.calibration = self._calibration() if TEMPERATURE in thresholds else {}
        self.mistakes: list[Mistake] = []
        self.wrong: int | None = None

    def _calibration(self) -> dict[str, Metric]:
        labels = self.objective.schema.target == "multilabel"
        options: dict[str, Any] = {"n_bins": BINS, "norm": "l1", "validate_args": False}
        ignored = self.objective.encoding.ignore_index

        def fresh() -> Metric:
            if labels:
                return BinaryCalibrationError(**options)
            classes = self.objective.schema.classes
            assert classes
            return MulticlassCalibrationError(classes, ignore_index=ignored, **options)

        return {"ece_uncalibrated": fresh(), "ece": fresh()}

    def add(self, scores: Tensor, target: Tensor, index: Tensor) -> None:
        kind, schema = self.objective.kind, self.objective.schema
        prediction = self._predicted(scores, self.thresholds)
        decision = prediction.decision
        decides = decision.shape == target.shape and not decision.is_floating_point()
        if self.confusion is not None and decides:
            self.confusion.to(decision.device).update(decision, target.long())
        if self.calibration:
            plain = self._predicted(scores, {})
            for metric, one in zip(self.calibration.values(), (plain, prediction), strict=True):
                assert one.probability is not None
                metric.to(decision.device).update(one.probability, target.long())
        severity = kind.mistakes(prediction, target, schema)
        if severity is None:
            return
        self.wrong = (self.wrong or 0) + int((severity > 0).sum())
        self._keep(prediction, target, index, severity)

    def _predicted(self, scores: Tensor, thresholds: Mapping[str, Tensor]) -> Prediction:
        return self.objective.encoding.predict(scores, self.objective.to_probabilities, thresholds)

    def _keep(self, prediction: Prediction, target: Tensor, index: Tensor, severity: Tensor) -> None:
        least = self.mistakes[-1].severity if len(self.mistakes) == self.worst else 0.0
        rows = (severity > least).nonzero()[:, 0]
        rows = rows[severity[rows].argsort(descending=True, stable=True)[: self.worst]]
        if not len(rows):
            return
        said = self.objective.kind.written(prediction.decision[rows], self.objective.schema)
        true = self.objective.kind.written(target[rows], self.objective.schema)
        confidence = prediction.confidence
        sure = [None] * len(rows) if confidence is None or confidence.ndim != 1 else confidence[rows].tolist()
        found = map(Mistake, severity[rows].tolist(), index[rows.to(index.device)].tolist(), said, true, sure)
        # the earlier sample first where two are as bad
        self.mistakes = sorted([*self.mistakes, *found], key=lambda one: (-one.severity, one.index))[: self.worst]

    def found(self) -> HeadDetails:
        schema = self.objective.schema
        names = schema.class_names or tuple(map(str, range(schema.classes or 0)))
        calibration = {name: float(metric.compute()) for name, metric in self.calibration.items()}
        if calibration:
            calibration = {TEMPERATURE: float(self.thresholds[TEMPERATURE]), **calibration}
        matrix, rows = None, []
        if self.confusion is not None and self.confusion.update_called:
            matrix = self.confusion.compute().cpu().numpy()
            dense = self.objective.kind.output == "dense"
            rows = label_rows(matrix, names) if matrix.ndim == 3 else class_rows(matrix, names, dense)
        return HeadDetails(names, matrix, rows, self.mistakes, self.wrong, calibration)
