from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from sklearn import datasets

from lossbook.data import sklearn_files
from lossbook.errors import UserError


def test_digits_equal_scikit_learns_own() -> None:
    images, labels = sklearn_files.read_digits()
    expected = datasets.load_digits()
    assert np.array_equal(images, expected.images)
    assert np.array_equal(labels, expected.target)


def test_breast_cancer_equals_scikit_learns_own() -> None:
    features, labels, names = sklearn_files.read_breast_cancer()
    expected = datasets.load_breast_cancer()
    assert np.array_equal(features, expected.data)
    assert np.array_equal(labels, expected.target)
    assert names == tuple(expected.target_names)


def test_diabetes_equals_scikit_learns_own() -> None:
    features, progression = sklearn_files.read_diabetes()
    expected = datasets.load_diabetes(scaled=False)
    assert np.array_equal(features, expected.data)
    assert np.array_equal(progression, expected.target)


def test_scikit_learn_is_not_imported() -> None:
    read = "import sys, lossbook.data.sklearn_files as files; files.read_digits(); files.read_diabetes()"
    code = f"{read}; print('sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sklearn_files, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install --force-reinstall scikit-learn"):
        sklearn_files.read_digits()
