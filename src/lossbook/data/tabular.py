"""scikit-learn's tables of patients, with features standardised by the training part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lossbook.data.scale import mean_and_scale
from lossbook.data.schema import Schema
from lossbook.data.sklearn_files import read_breast_cancer, read_diabetes
from lossbook.data.source import PARTS, Features, Parts, Source
from lossbook.data.split import stratified_split, value_strata
from lossbook.data.statistics import described_parts


def standardised_parts(
    schema: Schema, features: Mapping[str, np.ndarray], targets: Mapping[str, np.ndarray], by: Features | None = None
) -> Parts:
    """Return parts of standardised features: less their mean, divided by their standard deviation.

    Args:
        schema: without statistics.
        features: part -> (N, F).
        targets: part -> targets of the schema's kind.
        by: mean and standard deviation; None for those of the training part.
    """
    by = by or feature_statistics((), features["train"])
    parts = {
        part: {"input": standardise(features[part], by), "target": torch.from_numpy(targets[part])} for part in PARTS
    }
    return described_parts(schema, parts)


def feature_statistics(names: Sequence[str], train: np.ndarray) -> Features:
    """Return the statistics of a training part, (N, F), by which features are standardised."""
    mean, scale = mean_and_scale(train)
    return Features(tuple(names), tuple(mean.tolist()), tuple(scale.tolist()))


def standardise(features: np.ndarray, by: Features) -> Tensor:
    """Standardise features (N, F), as float32."""
    return torch.from_numpy(((features - np.array(by.mean)) / np.array(by.scale)).astype(np.float32))


@dataclass(frozen=True)
class BreastCancer(Source):
    """569 tumours with 30 measured features; class 0 is malignant, class 1 benign."""

    seed: int = 0

    def load(self) -> Parts:
        features, labels, names = read_breast_cancer()
        rows = dict(zip(PARTS, stratified_split(labels, self.seed), strict=True))
        schema = Schema("class", (features.shape[1],), 0, classes=2, class_names=names)
        return standardised_parts(
            schema, {part: features[rows[part]] for part in PARTS}, {part: labels[rows[part]] for part in PARTS}
        )


@dataclass(frozen=True)
class Diabetes(Source):
    """442 patients with 10 features; the target is the progression of their disease after a year (25 to 346)."""

    seed: int = 0

    def load(self) -> Parts:
        features, progression = read_diabetes()
        rows = dict(zip(PARTS, stratified_split(value_strata(progression), self.seed), strict=True))
        target = progression.astype(np.float32)[:, None]
        schema = Schema("value", (features.shape[1],), 0, width=1)
        return standardised_parts(
            schema, {part: features[rows[part]] for part in PARTS}, {part: target[rows[part]] for part in PARTS}
        )
