"""The lasso: its optimality conditions, closed forms, limits, and agreement with scikit-learn and brute force."""

import time
import warnings
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso
from sklearn.linear_model import lasso_path as sklearn_lasso_path
from test_linear import problem, problems

from book_utils import _coordinate_descent
from book_utils._coordinate_descent import duality_gap
from book_utils.linear import lasso, lasso_path, lstsq, soft_threshold


def lam_max(X, y):
    return abs(X.T @ y).max() / len(X)


def gap(X, y, w, lam):
    """The duality gap in the textbook's form: the primal less the dual value, each computed from X."""
    n, r = len(X), y - X @ w
    u = r * min(1, lam / (abs(X.T @ r).max() / n))
    return r @ r / (2 * n) + lam * abs(w).sum() - (2 * y @ u - u @ u) / (2 * n)


full_rank = st.builds(problem, st.integers(1, 15), st.integers(1, 15), seed=st.integers(0, 10**6))
fractions = st.floats(1e-3, 1.2)


@given(st.floats(-10, 10), st.floats(0, 5))
def test_soft_threshold_minimizes_its_one_dimensional_problem(z, t):
    w = soft_threshold(z, t)
    grid = np.concatenate([[0.0], w + np.array([-1e-3, 1e-3]), np.linspace(-10, 10, 401)])
    assert (w - z) ** 2 / 2 + t * abs(w) <= ((grid - z) ** 2 / 2 + t * abs(grid)).min() + 1e-12
    assert (w == 0) == (abs(z) <= t) or abs(abs(z) - t) < 1e-12


def test_soft_threshold_broadcasts_and_makes_no_negative_zeros():
    z = np.array([[-2.0, -0.5], [0.5, 2.0]])
    assert np.array_equal(soft_threshold(z, 1), [[-1, 0], [0, 1]])
    assert not np.signbit(soft_threshold(z, 1)[0, 1])
    assert np.array_equal(soft_threshold(z, [0, 10]), [[-2, 0], [0.5, 0]])


@given(problems, fractions)
@settings(max_examples=100)
def test_the_optimality_conditions_hold(case, fraction):
    X, y = case
    lam = fraction * lam_max(X, y)
    w = lasso(X, y, lam)
    c = X.T @ (y - X @ w) / len(X)
    assert (abs(c) <= lam * (1 + 1e-5)).all()
    assert np.allclose(c[w != 0], lam * np.sign(w[w != 0]), rtol=1e-5)
    assert gap(X, y, w, lam) <= 1e-11 * (y @ y) / (2 * len(X))


@given(full_rank, fractions)
@settings(max_examples=60)
def test_lasso_agrees_with_scikit_learn(case, fraction):
    X, y = case
    lam = fraction * lam_max(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            expected = Lasso(alpha=lam, fit_intercept=False, tol=1e-14, max_iter=100_000).fit(X, y).coef_
        except ConvergenceWarning:  # then there is no reference
            return
    assert np.allclose(lasso(X, y, lam), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("n, d", [(100, 30), (30, 100), (60, 1), (1, 5)])
def test_the_path_agrees_with_scikit_learn(n, d):
    X, y = problem(n, d, seed=4)
    X[:, d // 2] = 0 if d > 1 else X[:, 0]
    lams = lam_max(X, y) * np.geomspace(1.5, 0.01, 20)
    expected = sklearn_lasso_path(X, y, alphas=lams, tol=1e-14, max_iter=10**6)[1].T
    coefs = lasso_path(X, y, lams)
    assert coefs.shape == (20, d) and np.allclose(coefs, expected, rtol=1e-6, atol=1e-6)
    assert d == 1 or (coefs[:, d // 2] == 0).all()


@given(problems, fractions)
@settings(max_examples=40)
def test_brute_force_over_signs_finds_no_lower_loss(case, fraction):
    X, y = case[0][:, :4], case[1]
    lam = fraction * max(lam_max(X, y), 1e-3)

    def J(w):
        return np.sum((y - X @ w) ** 2) / (2 * len(X)) + lam * abs(w).sum()

    best = J(lasso(X, y, lam))
    for signs in product((-1, 0, 1), repeat=X.shape[1]):
        S = np.flatnonzero(signs)
        rival = np.zeros(X.shape[1])
        rival[S] = np.linalg.pinv(X[:, S].T @ X[:, S]) @ (X[:, S].T @ y - len(X) * lam * np.array(signs)[S])
        assert best <= J(rival) * (1 + 1e-9)


def test_with_orthogonal_columns_it_is_soft_thresholding():
    Q = np.linalg.qr(np.random.default_rng(5).standard_normal((30, 8)))[0] * np.sqrt(30)
    y = np.random.default_rng(6).standard_normal(30)
    assert np.allclose(lasso(Q, y, 0.1), soft_threshold(lstsq(Q, y), 0.1), atol=1e-12)


@given(problems)
@settings(max_examples=40)
def test_from_lam_max_on_all_weights_are_exactly_zero(case):
    X, y = case
    largest = lam_max(X, y)
    summed_in_another_order = np.nextafter(largest, 0)
    assert not lasso_path(X, y, [largest, 3 * largest, summed_in_another_order]).any()
    assert lasso(X, y, 0.99 * largest).any()


def test_nothing_to_explain_and_nothing_to_explain_it_with():
    X, y = problem(6, 3, seed=7)
    assert np.array_equal(lasso_path(X, 0 * y, [0.1, 1.0]), np.zeros((2, 3)))
    assert np.array_equal(lasso_path(0 * X, y, [0.0, 0.1]), np.zeros((2, 3)))


@pytest.mark.parametrize("n, d", [(20, 5), (5, 20)])
def test_without_penalty_it_is_lstsq(n, d):
    X, y = problem(n, d, seed=8)
    assert np.allclose(lasso(X, y, 0), np.linalg.pinv(X) @ y, rtol=1e-9)  # the shortest minimizer
    assert np.allclose(lasso(X, y, 1e-9) @ X.T, lstsq(X, y) @ X.T, atol=1e-5)


@given(problems, st.permutations(range(6)))
@settings(max_examples=40)
def test_the_order_of_the_penalties_does_not_matter(case, order):
    X, y = case
    lams = lam_max(X, y) * np.array([1.2, 0.7, 0.3, 0.2, 0.05, 0.0])
    assert np.array_equal(lasso_path(X, y, lams[order]), lasso_path(X, y, lams)[order])


def test_repeated_features_share_what_one_of_them_would_get():
    X, y = problem(20, 3, seed=9)
    one, twice = lasso(X, y, 0.05), lasso(np.hstack([X, X]), y, 0.05)
    assert np.allclose(twice[:3] + twice[3:], one, atol=1e-7)
    assert (twice[:3] * twice[3:] >= 0).all()


def test_units_of_the_target_scale_weights_and_penalty_alike():
    X, y = problem(20, 30, seed=10)
    assert np.allclose(lasso(X, 1e6 * y, 1e6 * 0.05), 1e6 * lasso(X, y, 0.05), rtol=1e-9)


@given(problems, fractions, st.integers(0, 10**6))
@settings(max_examples=60)
def test_the_gap_is_the_textbooks_and_bounds_the_distance_from_the_minimum(case, fraction, seed):
    X, y = case
    lam, w = fraction * lam_max(X, y), np.random.default_rng(seed).standard_normal(X.shape[1])
    r, n = y - X @ w, len(X)
    computed = duality_gap(w, X.T @ r / n, r @ r / n, lam)
    assert np.isclose(computed, gap(X, y, w, lam), rtol=1e-7, atol=1e-12)
    w_best = lasso(X, y, lam)
    above = (r @ r - np.sum((y - X @ w_best) ** 2)) / (2 * n) + lam * (abs(w).sum() - abs(w_best).sum())
    assert computed >= above - 1e-9 * (1 + above)


def test_sweeps_alone_descend_to_the_same_minimum(monkeypatch):
    X, y = problem(40, 10, seed=12)
    expected = lasso_path(X, y, [0.1, 0.01])
    for limit in ("MAX_ROUNDS", "PATIENCE"):
        monkeypatch.setattr(_coordinate_descent, limit, 10_000)
    monkeypatch.setattr(_coordinate_descent, "settle", lambda G, c, w, lam: w)
    assert np.allclose(lasso_path(X, y, [0.1, 0.01]), expected, atol=1e-5)


def test_a_minimum_that_is_not_certified_is_announced(monkeypatch):
    X, y = problem(20, 10, seed=11)
    monkeypatch.setattr(_coordinate_descent, "MAX_ROUNDS", 1)
    monkeypatch.setattr(_coordinate_descent, "settle", lambda G, c, w, lam: w)
    with pytest.warns(RuntimeWarning, match="stopped at a duality gap of .*standardize"):
        lasso_path(X, y, [0.001])


@pytest.mark.parametrize("t", [-1, np.nan, [1, -2]])
def test_a_threshold_below_zero_is_refused(t):
    with pytest.raises(ValueError, match="t must be at least 0"):
        soft_threshold([1.0, 2.0], t)


@pytest.mark.parametrize("zero, twice", [(False, False), (True, False), (True, True)])
@pytest.mark.parametrize("shape", [(60, 20), (20, 60), (30, 30)])
def test_as_the_penalty_vanishes_it_is_least_squares_soon_and_without_a_word(shape, zero, twice):
    X, y = problem(*shape, seed=13)
    y = y * 100
    X[:, 0] *= not zero
    X[:, 1] = X[:, 2] if twice else X[:, 1]
    for lam in [*(lam_max(X, y) * np.array([1e-9, 1e-12, 1e-16, 1e-100])), 1e-250, 5e-324]:
        started = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            w = lasso(X, y, lam)
        assert time.process_time() - started < 1
        # J(w) <= J(least squares), up to what is certified
        expected = lstsq(X, y)
        assert np.sum((X @ (w - expected)) ** 2) <= 2 * len(X) * lam * abs(expected).sum() + 1e-12 * (y @ y)


@pytest.mark.parametrize("correlated", [1e-3, 1e-8])
def test_features_that_nearly_repeat_each_other_end_soon_with_finite_weights_and_no_false_certificate(correlated):
    rng = np.random.default_rng(0)
    X, noise = rng.standard_normal((2, 100, 30))
    X, y = np.hstack([X, X + correlated * noise]), X @ rng.standard_normal(30) + rng.standard_normal(100)
    for fraction in (1e-6, 1e-9, 1e-13, 1e-250):
        lam, started = fraction * lam_max(X, y), time.process_time()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            w = lasso(X, y, lam)
        assert time.process_time() - started < 2
        above = np.sum((X @ (w - lstsq(X, y))) ** 2) / 200 + lam * abs(w).sum()  # J less the least squares loss
        assert above <= y @ y / 200
        if not caught and fraction < 1e-12:
            assert above <= 1e-11 * (y @ y) / 200


@pytest.mark.parametrize("size", [1e-200, 1e-160])
def test_a_column_whose_squares_vanish_gets_no_weight(size):
    X, y = problem(20, 3, seed=14)
    X[:, 1] *= size
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        w = lasso(X, y, 1e-250)
    assert w[1] == 0 and np.allclose(w[[0, 2]], lstsq(X[:, [0, 2]], y))


@pytest.mark.parametrize("c", [1e-9, 1e-3, 1e9])
def test_units_of_the_features_scale_weights_and_penalty(c):
    X, y = problem(20, 30, seed=10)
    assert np.allclose(c * lasso(c * X, y, c * 0.05), lasso(X, y, 0.05), rtol=1e-9, atol=1e-12)
