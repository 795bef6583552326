"""The ridge path: every number by brute force, and scikit-learn's choice of the penalty."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge, RidgeCV
from test_linear import problem

from book_utils.linear import ridge, ridge_path

shapes = st.tuples(st.integers(2, 10), st.integers(1, 10), st.integers(1, 10), st.integers(0, 10**6))


def brute_force(X, y, lam):
    """Mean squared leave-one-out error by n refits that keep the total penalty n·lam."""
    n, errors = len(X), []
    for i in range(n):
        rest = np.arange(n) != i
        errors.append(y[i] - X[i] @ ridge(X[rest], y[rest], lam * n / (n - 1)))
    return np.mean(np.square(errors))


@given(shapes, st.lists(st.floats(1e-3, 10), min_size=1, max_size=4))
@settings(max_examples=80)
def test_path_is_ridge_and_brute_force(shape, lams):
    n, d, r, seed = shape
    X, y = problem(n, d, rank=min(n, d, r), seed=seed)
    path = ridge_path(X, y, lams)
    for k, lam in enumerate(lams):
        assert np.allclose(path.coefs[k], ridge(X, y, lam), atol=1e-10)
        assert np.isclose(path.loo_mse[k], brute_force(X, y, lam), rtol=1e-8)
        hat = X @ np.linalg.solve(X.T @ X + n * lam * np.eye(d), X.T)
        assert np.isclose(path.dof[k], np.trace(hat), rtol=1e-8)


@given(shapes)
@settings(max_examples=80)
def test_leave_one_out_without_penalty(shape):
    n, d, _, seed = shape
    X, y = problem(n, d, rank=min(n, d), seed=seed)  # full rank: above, at and below n = d
    path = ridge_path(X, y, [0.0])
    if np.linalg.cond(X) < 1e4 and all(np.linalg.cond(np.delete(X, i, 0)) < 1e4 for i in range(n)):
        assert np.isclose(path.loo_mse[0], brute_force(X, y, 0), rtol=1e-5)


def test_a_row_that_alone_determines_a_direction_is_refitted():
    X = np.array([[1.0, 0], [2, 0], [3, 0], [0, 1]])
    y = np.array([1.0, 2, 4, 7])
    assert np.isclose(ridge_path(X, y, [0]).loo_mse[0], brute_force(X, y, 0))


def test_interpolation_keeps_its_digits_as_the_penalty_vanishes():
    X, y = problem(8, 30, rank=8, seed=0)
    limit = ridge_path(X, y, [0]).loo_mse[0]
    assert np.allclose(ridge_path(X, y, [1e-12, 1e-14]).loo_mse, limit, rtol=1e-8)
    assert np.isclose(limit, brute_force(X, y, 0), rtol=1e-8)


@given(shapes, st.floats(1e-3, 10))
@settings(max_examples=60)
def test_centered_leaves_the_row_out_of_the_means_too(shape, lam):
    n, d, r, seed = shape
    X, y = problem(n, d, rank=min(n, d, r), seed=seed)
    X, y = X - X.mean(axis=0), y - y.mean()
    errors = []
    for i in range(n):
        rest = np.arange(n) != i
        errors.append(y[i] - Ridge(alpha=n * lam).fit(X[rest], y[rest]).predict(X[[i]])[0])
    assert np.isclose(ridge_path(X, y, [lam], centered=True).loo_mse[0], np.mean(np.square(errors)), rtol=1e-6)


def test_centered_interpolation_and_lonely_rows():
    X, y = problem(6, 20, rank=6, seed=5)
    X, y = X - X.mean(axis=0), y - y.mean()
    limit = ridge_path(X, y, [0, 1e-12], centered=True).loo_mse
    assert np.isclose(limit[0], limit[1], rtol=1e-6)
    lonely = np.array([[1.0, -1], [2, -1], [4, -1], [1, 3]])
    lonely -= lonely.mean(axis=0)
    y = np.array([1.0, 3, 2, -6])
    assert np.isclose(*ridge_path(lonely, y, [0, 1e-9], centered=True).loo_mse, rtol=1e-5)


def test_centering_leaves_the_rounding_of_its_unit():
    X, y = problem(20, 3, seed=6)
    X, y = 1e9 * X + 1e12, 1e9 * y
    X, y = X - X.mean(axis=0), y - y.mean()
    assert abs(X.mean(axis=0)).max() > 1e-9
    assert np.isfinite(ridge_path(X, y, [1.0], centered=True).loo_mse).all()


def test_centered_is_not_believed_blindly():
    with pytest.raises(ValueError, match="subtract them first"):
        ridge_path(np.ones((4, 1)), np.ones(4), [1.0], centered=True)


@pytest.mark.parametrize("n, d", [(40, 5), (12, 30)])
def test_the_choice_is_that_of_ridgecv(n, d):
    rng = np.random.default_rng(n)
    X = rng.standard_normal((n, d))
    y = X @ rng.standard_normal(d) + 2 * rng.standard_normal(n)
    lams = np.geomspace(1e-4, 10, 60)
    model = RidgeCV(alphas=n * lams, fit_intercept=False, store_cv_results=True).fit(X, y)
    path = ridge_path(X, y, lams)
    assert np.allclose(path.loo_mse, model.cv_results_.mean(axis=0), rtol=1e-7)
    assert np.isclose(n * lams[path.loo_mse.argmin()], model.alpha_)


def test_more_penalty_means_fewer_degrees_of_freedom_and_a_shorter_w():
    X, y = problem(20, 6, rank=6, seed=4)
    path = ridge_path(X, y, np.geomspace(1e-6, 1e3, 50))
    assert (np.diff(path.dof) < 0).all() and (np.diff(np.linalg.norm(path.coefs, axis=1)) < 0).all()
    assert np.isclose(ridge_path(X, y, [0]).dof[0], 6)


def test_one_row_cannot_be_left_out():
    with pytest.raises(ValueError, match="at least two rows"):
        ridge_path(np.ones((1, 1)), np.ones(1), [1.0])
