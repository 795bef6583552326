"""The ridge path: every number by brute force, and scikit-learn's choice of the penalty."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge, RidgeCV
from test_linear import problem

from book_utils.linear import ridge, ridge_path

shapes = st.tuples(st.integers(2, 10), st.integers(1, 10), st.integers(1, 10), st.integers(0, 10**6))


def brute_force(X, y, lam, centered=False):
    """Mean squared leave-one-out error by n refits of numpy.linalg that keep the total penalty n·lam."""
    n, d = X.shape
    errors = []
    for i in range(n):
        A, b = np.delete(X, i, axis=0), np.delete(y, i)
        mean, level = (A.mean(axis=0), b.mean()) if centered else (0, 0)
        rows = np.vstack([A - mean, np.sqrt(n * lam) * np.eye(d)])
        w = np.linalg.lstsq(rows, np.append(b - level, np.zeros(d)))[0]
        errors.append(y[i] - level - (X[i] - mean) @ w)
    return np.mean(np.square(errors))


def lonely(d):
    """Ten rows; of the last three features each is told by one row alone."""
    X = np.random.default_rng(d).standard_normal((10, d))
    X[:, -3:] = 0
    X[[0, 4, 7], [-3, -2, -1]] = 2, 1, 1e-3
    return X


def small_unit():
    """Ten rows that mix three features; the third, a millionth as large, is told by one row alone."""
    X = np.random.default_rng(9).standard_normal((10, 3))
    X[:, 2] = 1e-6 * (np.arange(10) == 4)
    return X @ np.linalg.qr(X[:3] + 1)[0]


DATA = {"n < d": problem(5, 9, seed=0)[0], "n = d": problem(6, 6, seed=1)[0], "n > d": problem(12, 4, seed=2)[0],
        "n < d, low rank": problem(6, 9, rank=3, seed=3)[0], "n > d, low rank": problem(12, 6, rank=3, seed=4)[0],
        "lonely rows": lonely(6), "a row twice": np.vstack([problem(5, 9, seed=5)[0], problem(5, 9, seed=5)[0][0]]),
        "a lonely row in a small unit": small_unit(), "nothing": np.zeros((4, 2)),
        "one large row": np.vstack([problem(9, 2, seed=6)[0], [1e7, 3]])}


@pytest.mark.parametrize("centered", [False, True])
@pytest.mark.parametrize("name", DATA)
def test_leave_one_out_is_brute_force_in_every_unit_and_at_every_penalty(name, centered):
    X = DATA[name]
    y = np.random.default_rng(7).standard_normal(len(X)) + 1
    if centered:
        X, y = X - X.mean(axis=0), y - y.mean()
    lams = max(np.linalg.norm(X, 2) ** 2 / len(X), 1e-9) * np.array([0, 1e-10, 1e-6, 1e-3, 1, 1e3, 1e12])
    expected, path = [brute_force(X, y, lam, centered) for lam in lams], ridge_path(X, y, lams, centered=centered)
    assert np.allclose(path.loo_mse, expected, rtol=1e-6)
    for c in (1e-9, 1e-5, 1e-2, 1e3, 1e9):
        scaled = ridge_path(c * X, y, c * c * lams, centered=centered)
        assert np.allclose(scaled.loo_mse, expected, rtol=1e-6)
        assert np.allclose(scaled.dof, path.dof, rtol=1e-9) and np.allclose(scaled.coefs * c, path.coefs, rtol=1e-8)
        assert np.allclose(ridge_path(X, c * y, lams, centered=centered).loo_mse, c * c * path.loo_mse, rtol=1e-9)


def test_the_largest_penalties_are_no_overflow():
    X, y = problem(20, 3, seed=8)
    path = ridge_path(X, y, [1e300, 1.7e308])
    assert np.allclose(path.loo_mse, np.mean(y**2)) and np.allclose(path.coefs, 0, atol=1e-290)
    assert np.allclose(ridge(X, y, 1.7e308), 0, atol=1e-290)


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


@pytest.mark.parametrize("dtype", [np.float32, float])
@pytest.mark.parametrize("offset", [0, 3, 100])
def test_data_are_centered_up_to_the_rounding_of_their_own_precision(dtype, offset):
    X, y = problem(30, 3, seed=6)
    for unit in (1e-12, 1, 1e9):
        A, b = (unit * (v + offset) for v in (X, y))
        A[:, 1] = 0.1 * unit  # a constant, of which rounding alone is left
        A, b = A.astype(dtype), b.astype(dtype)
        A, b = A - A.mean(axis=0), b - b.mean()
        if dtype == np.float32:
            A[:, 1] = 0
        exact = ridge_path(A.astype(float) - A.mean(axis=0, dtype=float), b.astype(float) - b.mean(dtype=float), [0.0],
                           centered=True)
        assert np.isclose(ridge_path(A, b, [0.0], centered=True).loo_mse[0], exact.loo_mse[0], rtol=1e-6)


@pytest.mark.parametrize("unit", [1e-20, 1e-9, 1, 1e9])
@pytest.mark.parametrize("name", ["X", "y"])
def test_centered_is_not_believed_blindly(name, unit):
    X, y = problem(30, 3, seed=6)
    data = {"X": X - X.mean(axis=0), "y": y - y.mean()}
    data[name] = data[name] + 0.01
    with pytest.raises(ValueError, match=f"the mean of {name} is .*subtract the mean"):
        ridge_path(unit * data["X"], unit * data["y"], [1.0], centered=True)


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
