"""The data sets: what is promised about splits, and that nothing is scaled."""

import dataclasses

import numpy as np
import pytest
from sklearn.datasets import load_diabetes

from book_utils.data import diabetes


def test_a_split_holds_every_patient_once():
    split, whole = diabetes(n_train=100, seed=3), load_diabetes(scaled=False)
    X = np.vstack([split.X_train, split.X_test])
    y = np.concatenate([split.y_train, split.y_test])
    assert split.X_train.shape == (100, 10) and len(y) == 442
    order = np.lexsort(np.column_stack([X, y]).T)
    expected = np.column_stack([whole.data, whole.target])
    assert np.array_equal(np.column_stack([X, y])[order], expected[np.lexsort(expected.T)])


def test_the_seed_decides_the_split():
    assert np.array_equal(diabetes(seed=1).X_train, diabetes(seed=1).X_train)
    assert not np.array_equal(diabetes(seed=1).X_train, diabetes(seed=2).X_train)


def test_units_are_those_of_the_measurements():
    split = diabetes()
    age, bmi = split.X_train[:, 0], split.X_train[:, split.feature_names.index("bmi")]
    assert 18 <= age.min() and age.max() <= 80 and 17 < bmi.min() and bmi.max() < 45


def test_a_split_cannot_be_changed_by_name():
    with pytest.raises(dataclasses.FrozenInstanceError):
        diabetes().y_train = None


@pytest.mark.parametrize("n_train", [0, 442, -1])
def test_a_split_without_training_or_test_rows_is_refused(n_train):
    with pytest.raises(ValueError, match=f"between 1 and 441, not {n_train}"):
        diabetes(n_train=n_train)
