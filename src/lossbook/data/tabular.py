"""scikit-learn's records of patients, features standardised by the training part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from lossbook.data.digits import PARTS
from lossbook.data.packaged import read_breast_cancer, read_diabetes
from lossbook.data.schema import Schema
from lossbook.data.source import Parts, Source
from lossbook.data.split import stratified_split, value_strata
from lossbook.data.statistics import described_parts, mean_and_scale


def standardised_parts(
    schema: Schema, features: dict[str, np.ndarray], targets: dict[str, np.ndarray], notes: Sequence[str] = ()
) -> Parts:
    """Parts from tables, each feature less its mean and over its standard deviation on the training part.

    Args:
        schema: without statistics.
        features: part -> (N, F).
        targets: part -> the target as the schema's kind has it.
        notes: what a user should know.
    """
    mean, scale = mean_and_scale(features["train"])
    parts = {
        part: {
            "input": torch.from_numpy(((features[part] - mean) / scale).astype(np.float32)),
            "target": torch.from_numpy(targets[part]),
        }
        for part in PARTS
    }
    return described_parts(schema, parts, notes=notes)


@dataclass(frozen=True)
class BreastCancer(Source):
    """569 tumours with 30 measured features, class 0 malignant, 1 benign."""

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
    """442 patients with 10 features, and the progression of their disease after a year as a value (25 to 346)."""

    seed: int = 0

    def load(self) -> Parts:
        features, progression = read_diabetes()
        rows = dict(zip(PARTS, stratified_split(value_strata(progression), self.seed), strict=True))
        target = progression.astype(np.float32)[:, None]
        schema = Schema("value", (features.shape[1],), 0, width=1)
        return standardised_parts(
            schema, {part: features[rows[part]] for part in PARTS}, {part: target[rows[part]] for part in PARTS}
        )
