"""Least squares and ridge: theorems, limits, agreement with other implementations; what all linear models refuse."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from book_utils.linear import lasso, lasso_path, lstsq, ridge, ridge_path


def problem(n, d, *, seed, rank=None):
    """A random problem, of exact rank if one is given."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) if rank is None else (
        rng.standard_normal((n, rank)) @ rng.standard_normal((rank, d)))
    return X, rng.standard_normal(n)


shapes = st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(1, 12), st.integers(0, 10**6))
problems = shapes.map(lambda shape: problem(*shape[:2], rank=min(shape[:3]), seed=shape[3]))


@given(problems)
@settings(max_examples=60)
def test_lstsq_is_the_shortest_minimizer(case):
    X, y = case
    w = lstsq(X, y)
    scale = np.linalg.norm(X) * (np.linalg.norm(y) + np.linalg.norm(X) * np.linalg.norm(w))
    assert np.linalg.norm(X.T @ (y - X @ w)) <= 1e-9 * scale  # a minimizer: the residual is perpendicular
    null_space = np.eye(X.shape[1]) - np.linalg.pinv(X, rtol=1e-10) @ X
    assert np.linalg.norm(null_space @ w) <= 1e-7 * (1 + np.linalg.norm(w))  # the shortest: nothing that X ignores


@given(problems)
@settings(max_examples=60)
def test_lstsq_agrees_with_numpy(case):
    X, y = case
    expected = np.linalg.lstsq(X, y)[0]
    assert np.allclose(lstsq(X, y), expected, rtol=1e-6, atol=1e-8 * (1 + np.linalg.norm(expected)))


@pytest.mark.parametrize("shape", [(1000, 2), (2, 1000)])
@pytest.mark.parametrize("times_eps, counts", [(0.5, False), (5, False), (500, False), (2000, True), (1e9, True)])
@pytest.mark.parametrize("unit", [1e-30, 1.0, 1e30])
def test_a_singular_value_counts_where_it_counts_for_numpy(shape, times_eps, counts, unit):
    X = np.zeros(shape)
    X[0, 0], X[1, 1] = unit, unit * times_eps * np.finfo(float).eps
    y = unit * np.ones(len(X))
    assert np.allclose(lstsq(X, y), np.linalg.lstsq(X, y)[0], rtol=1e-12) and (lstsq(X, y)[1] != 0) == counts


@given(problems, st.floats(1e-3, 10))
@settings(max_examples=60)
def test_ridge_agrees_with_scikit_learn(case, lam):
    X, y = case
    reference = Ridge(alpha=len(X) * lam, fit_intercept=False, solver="cholesky").fit(X, y).coef_
    assert np.allclose(ridge(X, y, lam), reference, rtol=1e-7, atol=1e-9)


@given(problems, st.floats(1e-3, 10))
@settings(max_examples=40)
def test_ridge_is_least_squares_with_extra_rows(case, lam):
    X, y = case
    n, d = X.shape
    augmented = np.vstack([X, np.sqrt(n * lam) * np.eye(d)])
    assert np.allclose(ridge(X, y, lam), lstsq(augmented, np.append(y, np.zeros(d))), atol=1e-9)


def test_ridge_without_penalty_is_the_pseudoinverse_and_with_an_infinite_one_zero():
    X, y = problem(5, 8, rank=3, seed=1)
    expected = np.linalg.pinv(X, rtol=1e-10) @ y
    assert np.allclose(ridge(X, y, 0), expected, rtol=1e-10)
    assert np.linalg.norm(ridge(X, y, 1e-9) - expected) < 1e-6
    assert np.linalg.norm(ridge(X, y, 1e12)) < 1e-9


@given(problems, st.floats(1e-3, 10))
@settings(max_examples=40)
def test_ridge_does_not_care_about_units(case, lam):
    X, y = case
    for c in (1e-9, 1e9):
        assert np.allclose(c * ridge(c * X, y, c * c * lam), ridge(X, y, lam), rtol=1e-9, atol=1e-12)
        assert np.allclose(c * lstsq(c * X, y), lstsq(X, y), rtol=1e-6, atol=1e-8 * np.linalg.norm(lstsq(X, y)))


def test_a_column_of_zeros_gets_no_weight():
    X, y = problem(6, 3, rank=3, seed=2)
    X[:, 1] = 0
    assert lstsq(X, y)[1] == 0 and ridge(X, y, 0.1)[1] == 0
    assert np.array_equal(lstsq(np.zeros((4, 2)), np.ones(4)), [0, 0])


X_GOOD, Y_GOOD = np.ones((3, 2)), np.ones(3)
FITS = [lstsq, partial(ridge, lam=1.0), partial(lasso, lam=1.0), partial(ridge_path, lams=[1.0]),
        partial(lasso_path, lams=[1.0])]


@pytest.mark.parametrize("X, y, message", [
    (np.ones(3), Y_GOOD, r"X\[:, None\]"),
    (np.ones((0, 2)), np.ones(0), "at least one row"),
    (np.ones((3, 0)), Y_GOOD, "at least one row and one column"),
    (X_GOOD, np.ones(4), r"shape \(3,\).*not \(4,\)"),
    (X_GOOD, np.ones((3, 1)), r"not \(3, 1\)"),
    (np.array([[1.0, np.nan], [1, 1], [np.inf, 1]]), Y_GOOD, r"X\[0, 1\] is nan"),
    (X_GOOD, 1e80 * Y_GOOD, "largest number in y is 1e[+]80: choose a unit"),
    (1e-80 * X_GOOD, Y_GOOD, "largest number in X is 1e-80: choose a unit"),
    (X_GOOD, ["a word as a target"] * 9, "y must hold real numbers .*, not .{57}[.]{3}[.]$"),
    (X_GOOD, np.array([1, np.inf, 1]), r"y\[1\] is inf"),
])
def test_bad_data_are_refused_by_every_linear_model(X, y, message):
    for fit in FITS:
        with pytest.raises(ValueError, match=message):
            fit(X, y)


@pytest.mark.parametrize("lam", [-1.0, np.nan, np.inf])
def test_a_penalty_that_is_none_is_refused(lam):
    for fit in (ridge, lasso):
        with pytest.raises(ValueError, match=f"at least 0, not {lam}"):
            fit(X_GOOD, Y_GOOD, lam)
    for path in (ridge_path, lasso_path):
        with pytest.raises(ValueError, match=f"at least 0, not {lam}"):
            path(X_GOOD, Y_GOOD, [1.0, lam])


@pytest.mark.parametrize("lams, message", [([], r"at least one penalty, not \(0,\)"), (1.0, r"not \(\).*write .lam"),
                                           ([[1.0]], r"not \(1, 1\)")])
@pytest.mark.parametrize("path", [ridge_path, lasso_path])
def test_penalties_of_another_shape_are_refused(path, lams, message):
    with pytest.raises(ValueError, match=message):
        path(X_GOOD, Y_GOOD, lams)
