"""Least squares and ridge: theorems, limits, and agreement with other implementations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from book_utils.linear import lstsq, ridge


def problem(n, d, rank, seed):
    """A random problem with an exact rank."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, rank)) @ rng.standard_normal((rank, d)), rng.standard_normal(n)


problems = st.builds(
    lambda n, d, r, seed: problem(n, d, min(n, d, r), seed),
    st.integers(1, 12), st.integers(1, 12), st.integers(1, 12), st.integers(0, 10**6),
)


@given(problems)
@settings(deadline=None, max_examples=60)
def test_lstsq_is_the_shortest_minimizer(case):
    X, y = case
    w = lstsq(X, y)
    scale = np.linalg.norm(X) * (np.linalg.norm(y) + np.linalg.norm(X) * np.linalg.norm(w))
    assert np.linalg.norm(X.T @ (y - X @ w)) <= 1e-9 * scale  # a minimizer: the residual is perpendicular
    null_space = np.eye(X.shape[1]) - np.linalg.pinv(X, rtol=1e-10) @ X
    assert np.linalg.norm(null_space @ w) <= 1e-7 * (1 + np.linalg.norm(w))  # the shortest: nothing that X ignores


@given(problems)
@settings(deadline=None, max_examples=60)
def test_lstsq_agrees_with_numpy(case):
    X, y = case
    expected = np.linalg.lstsq(X, y)[0]
    assert np.allclose(lstsq(X, y), expected, rtol=1e-6, atol=1e-8 * (1 + np.linalg.norm(expected)))


@given(problems, st.floats(1e-3, 10))
@settings(deadline=None, max_examples=60)
def test_ridge_agrees_with_scikit_learn(case, lam):
    X, y = case
    reference = Ridge(alpha=len(X) * lam, fit_intercept=False, solver="cholesky").fit(X, y).coef_
    assert np.allclose(ridge(X, y, lam), reference, rtol=1e-7, atol=1e-9)


@given(problems, st.floats(1e-3, 10))
@settings(deadline=None, max_examples=40)
def test_ridge_is_least_squares_with_extra_rows(case, lam):
    X, y = case
    n, d = X.shape
    augmented = np.vstack([X, np.sqrt(n * lam) * np.eye(d)])
    assert np.allclose(ridge(X, y, lam), lstsq(augmented, np.append(y, np.zeros(d))), atol=1e-9)


def test_ridge_without_penalty_is_lstsq_and_with_an_infinite_one_zero():
    X, y = problem(5, 8, 3, seed=1)
    assert np.array_equal(ridge(X, y, 0), lstsq(X, y))
    assert np.linalg.norm(ridge(X, y, 1e-9) - lstsq(X, y)) < 1e-6
    assert np.linalg.norm(ridge(X, y, 1e12)) < 1e-9


def test_a_column_of_zeros_gets_no_weight():
    X, y = problem(6, 3, 3, seed=2)
    X[:, 1] = 0
    assert lstsq(X, y)[1] == 0 and ridge(X, y, 0.1)[1] == 0
    assert np.array_equal(lstsq(np.zeros((4, 2)), np.ones(4)), [0, 0])


X_GOOD, Y_GOOD = np.ones((3, 2)), np.ones(3)


@pytest.mark.parametrize("X, y, message", [
    (np.ones(3), Y_GOOD, r"X\[:, None\]"),
    (np.ones((0, 2)), np.ones(0), "at least one row"),
    (np.ones((3, 0)), Y_GOOD, "at least one row and one column"),
    (X_GOOD, np.ones(4), r"shape \(3,\).*not \(4,\)"),
    (X_GOOD, np.ones((3, 1)), r"not \(3, 1\)"),
    (np.array([[1.0, np.nan], [1, 1], [1, 1]]), Y_GOOD, r"X\[0, 1\] is nan"),
    (X_GOOD, np.array([1, np.inf, 1]), r"y\[1\] is inf"),
])
def test_bad_input_is_refused_in_one_sentence(X, y, message):
    for fit in (lstsq, lambda X, y: ridge(X, y, 1.0)):
        with pytest.raises(ValueError, match=message):
            fit(X, y)


@pytest.mark.parametrize("lam", [-1, np.nan, np.inf])
def test_ridge_refuses_a_penalty_that_is_none(lam):
    with pytest.raises(ValueError, match=f"at least 0, not {lam}"):
        ridge(X_GOOD, Y_GOOD, lam)


def test_arguments_are_not_changed():
    X, y = problem(6, 3, 3, seed=3)
    X_before, y_before = X.copy(), y.copy()
    lstsq(X, y)
    ridge(X, y, 0.5)
    assert np.array_equal(X, X_before) and np.array_equal(y, y_before)
