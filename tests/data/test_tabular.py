from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.preprocessing import StandardScaler

from lossbook.data.source import Source
from lossbook.data.split import stratified_split, value_strata
from lossbook.data.tabular import BreastCancer, Diabetes


@pytest.mark.parametrize(
    ("source", "table", "strata"),
    [
        (BreastCancer(0), load_breast_cancer(), lambda target: target),
        (Diabetes(0), load_diabetes(scaled=False), value_strata),
    ],
)
def test_features_are_standardised_by_the_training_part(source: Source, table: dict, strata) -> None:
    rows = stratified_split(strata(table["target"]), 0)
    scaler = StandardScaler().fit(table["data"][rows[0]])
    parts = source.load()
    for part, chosen in zip((parts.train, parts.val, parts.test), rows, strict=True):
        np.testing.assert_allclose(part["input"], scaler.transform(table["data"][chosen]), rtol=1e-5, atol=1e-5)
        assert np.array_equal(part["target"].numpy().ravel(), table["target"][chosen])


def test_breast_cancer_schema() -> None:
    schema = BreastCancer().load().schema
    assert (schema.target, schema.classes, schema.class_names) == ("class", 2, ("malignant", "benign"))
    assert schema.class_counts == (148, 250)


def test_diabetes_targets_stay_in_original_units_and_the_schema_knows_them() -> None:
    parts = Diabetes().load()
    target = parts.train["target"].double().numpy()
    assert target.shape == (309, 1)
    assert target.min() >= 25
    assert target.max() <= 346
    assert parts.schema.mean == pytest.approx(target.mean(0))
    assert parts.schema.scale == pytest.approx(target.std(0))
