"""Dropout: every closed form against all masks, every draw within 4 standard errors."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit

from book_utils.dropout import (
    dropout,
    dropout_ridge,
    enumerate_masks,
    expected_squared_loss,
    jensen_gap,
    preactivation_moments,
    tikhonov_penalty,
    variance_shift,
)
from book_utils.linear import lstsq

rates = st.floats(0, 0.95)
seeds = st.integers(0, 10**6)


def by_hand(d, p):
    """Masks and probabilities without book_utils."""
    for mask in itertools.product((0, 1), repeat=d):
        yield np.array(mask), np.prod([1 - p if kept else p for kept in mask])


def test_each_element_is_dropped_with_probability_p_on_its_own():
    x, p, draws = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), 0.3, 40_000
    rng = np.random.default_rng(0)
    kept = np.stack([dropout(x, p, rng=rng) for _ in range(draws)]).reshape(draws, -1) / x.ravel() * (1 - p)
    assert np.allclose(kept, np.round(kept)) and set(np.unique(np.round(kept))) == {0, 1}
    assert (abs(kept.mean(axis=0) - (1 - p)) <= 4 * np.sqrt(p * (1 - p) / draws)).all()
    correlation = np.corrcoef(kept.T)[np.triu_indices(x.size, 1)]
    assert (abs(correlation) <= 4 / np.sqrt(draws)).all()


@given(seeds, st.floats(0, 0.99), st.booleans())
@settings(max_examples=40)
def test_what_is_kept_is_divided_by_1_minus_p_if_inverted(seed, p, inverted):
    x = np.random.default_rng(seed).standard_normal((4, 5))
    before = x.copy()
    out = dropout(x, p, rng=np.random.default_rng(seed), inverted=inverted)
    kept = out != 0
    assert np.allclose(out[kept], x[kept] / (1 - p if inverted else 1), rtol=1e-12)
    assert np.array_equal(x, before) and not np.shares_memory(out, x)
    assert p > 0 or np.array_equal(out, x)


@given(st.integers(1, 8), rates)
@settings(max_examples=40)
def test_masks_are_all_masks_once(d, p):
    masks, probabilities = enumerate_masks(d, p)
    expected = list(by_hand(d, p))
    assert np.array_equal(masks, [mask for mask, _ in expected])
    assert np.allclose(probabilities, [chance for _, chance in expected], rtol=1e-12)
    assert np.isclose(probabilities.sum(), 1)


@given(st.integers(1, 6), rates, seeds, st.booleans())
@settings(max_examples=60)
def test_moments_agree_with_all_masks(d, p, seed, inverted):
    rng = np.random.default_rng(seed)
    x, w, b = rng.standard_normal((3, d)), rng.standard_normal(d), rng.standard_normal()
    mean, var = preactivation_moments(x, w, p, b, inverted=inverted)
    assert mean.shape == var.shape == (3,)
    for i in range(3):
        z, chance = np.array([((mask * x[i] / (1 - p if inverted else 1)) @ w + b, c) for mask, c in by_hand(d, p)]).T
        assert np.isclose(mean[i], chance @ z, rtol=1e-9, atol=1e-9)
        assert np.isclose(var[i], chance @ (z - chance @ z) ** 2, rtol=1e-9, atol=1e-9)
        one_mean, one_var = preactivation_moments(x[i], w, p, b, inverted=inverted)
        assert np.ndim(one_mean) == 0 and np.allclose((one_mean, one_var), (mean[i], var[i]), rtol=1e-12, atol=1e-12)


def test_moments_agree_with_draws():
    rng = np.random.default_rng(1)
    x, w, p, draws = rng.standard_normal(30), rng.standard_normal(30), 0.4, 200_000
    mean, var = preactivation_moments(x, w, p)
    z = dropout(np.broadcast_to(x, (draws, 30)), p, rng=rng) @ w
    assert abs(z.mean() - mean) <= 4 * np.sqrt(var / draws)
    assert abs(z.var() - var) <= 4 * np.std((z - mean) ** 2) / np.sqrt(draws)


phis = {"square": np.square, "relu": lambda z: np.maximum(z, 0), "sigmoid": expit, "tanh": np.tanh,
        "identity": lambda z: 3 * z + 1}


@given(st.sampled_from(sorted(phis)), st.integers(1, 6), rates, seeds)
@settings(max_examples=60)
def test_the_gap_agrees_with_all_masks(name, d, p, seed):
    rng = np.random.default_rng(seed)
    x, w, b = rng.standard_normal(d), rng.standard_normal(d), rng.standard_normal()
    z, chance = np.array([((mask * x / (1 - p)) @ w + b, c) for mask, c in by_hand(d, p)]).T
    expected = chance @ phis[name](z) - phis[name](chance @ z)
    assert np.isclose(jensen_gap(phis[name], x, w, p, b), expected, rtol=1e-8, atol=1e-9 * (1 + (z**2).max()))


@given(st.integers(1, 8), rates, seeds)
@settings(max_examples=40)
def test_the_gap_of_a_square_is_the_variance_and_of_a_convex_function_not_negative(d, p, seed):
    rng = np.random.default_rng(seed)
    x, w = rng.standard_normal(d), rng.standard_normal(d)
    _, var = preactivation_moments(x, w, p)
    assert np.isclose(jensen_gap(np.square, x, w, p, 0.7), var, rtol=1e-8, atol=1e-9 * (1 + var))
    assert jensen_gap(phis["relu"], x, w, p) >= -1e-12 * (1 + np.sqrt(var))


@given(st.integers(1, 3), st.integers(1, 3), rates, seeds)
@settings(max_examples=30)
def test_the_tikhonov_identity_over_all_masks(n, d, p, seed):
    rng = np.random.default_rng(seed)
    X, y, w = rng.standard_normal((n, d)), rng.standard_normal(n), rng.standard_normal(d)
    brute = sum(chance * ((y - (X * mask.reshape(n, d)) @ w / (1 - p)) ** 2).sum() / (2 * n)
                for mask, chance in by_hand(n * d, p))
    plain = ((y - X @ w) ** 2).sum() / (2 * n)
    assert np.isclose(expected_squared_loss(X, y, w, p), brute, rtol=1e-8)
    assert np.isclose(plain + tikhonov_penalty(X, w, p), brute, rtol=1e-8)


@given(st.integers(2, 9), st.integers(1, 5), st.floats(0.05, 0.9), seeds)
@settings(max_examples=30)
def test_dropout_ridge_minimizes_the_expected_loss(n, d, p, seed):
    rng = np.random.default_rng(seed)
    X, y = rng.standard_normal((n, d)), rng.standard_normal(n)
    w = dropout_ridge(X, y, p)
    found = minimize(lambda v: expected_squared_loss(X, y, v, p), np.zeros(d), tol=1e-10)
    assert expected_squared_loss(X, y, w, p) <= found.fun + 1e-12
    assert np.allclose(w, found.x, atol=1e-4 * (1 + abs(w).max()))


def test_dropout_ridge_does_not_care_about_units():
    rng = np.random.default_rng(2)
    X, y, units = rng.standard_normal((20, 4)), rng.standard_normal(20), np.array([1e-3, 1, 10, 1e4])
    for p in (0, 0.3, 0.9):
        assert np.allclose(dropout_ridge(X * units, y, p) * units, dropout_ridge(X, y, p), rtol=1e-9)


def test_dropout_ridge_without_dropout_is_least_squares_and_ignores_what_is_always_zero():
    rng = np.random.default_rng(3)
    X, y = rng.standard_normal((20, 4)), rng.standard_normal(20)
    assert np.allclose(dropout_ridge(X, y, 0), lstsq(X, y))
    X[:, 1] = 0
    w = dropout_ridge(X, y, 0.5)
    assert w[1] == 0 and np.allclose(np.delete(w, 1), dropout_ridge(np.delete(X, 1, axis=1), y, 0.5))
    wide = rng.standard_normal((3, 6)) * 10.0 ** np.arange(6)  # many exact fits: the one that p -> 0 leads to
    assert np.allclose(dropout_ridge(wide, y[:3], 0), dropout_ridge(wide, y[:3], 1e-9), rtol=1e-6)


@pytest.mark.parametrize("mean", [0.0, 1.0, 1e8, -1e12])
@pytest.mark.parametrize("p", [0.0, 1e-6, 0.3])
def test_variance_shift_keeps_its_digits_beside_a_large_mean(mean, p):
    p_, m = Fraction(p), Fraction(mean)
    # Var x / Var (x m / (1 - p)) for a variance of 1, from E x² and E x in exact arithmetic
    exact = 1 / ((1 + m**2) / (1 - p_) - m**2)
    assert np.isclose(variance_shift(p, mean, 1.0), float(exact), rtol=1e-12)


ok = np.ones(3)
rng = np.random.default_rng(0)


@pytest.mark.parametrize("call, message", [
    (lambda: dropout(ok, 1, rng=rng), "0 <= p < 1 .*, not 1"),
    (lambda: dropout(ok, -0.1, rng=rng), "0 <= p < 1 .*, not -0.1"),
    (lambda: dropout(ok, np.nan, rng=rng), "not nan"),
    (lambda: dropout(ok, [0.5], rng=rng), "not \\[0.5\\]"),
    (lambda: dropout(ok, "0.5", rng=rng), "not '0.5'"),
    (lambda: dropout(ok, [[0.1], [0.1, 0.2]], rng=rng), r"not \[\[0.1\], \[0.1, 0.2\]\]"),
    (lambda: dropout(ok, 0.5, rng=7), "default_rng.*not 7"),
    (lambda: dropout([1, np.inf], 0.5, rng=rng), r"x\[1\] is inf"),
    (lambda: preactivation_moments(ok, np.ones(2), 0.5), r"\(3,\) and \(2,\)"),
    (lambda: preactivation_moments(np.ones((2, 2, 3)), ok, 0.5), r"\(2, 2, 3\)"),
    (lambda: preactivation_moments([], [], 0.5), "empty"),
    (lambda: preactivation_moments(ok, ok, 0.5, b=ok), "b must be one number"),
    (lambda: preactivation_moments(ok, ok, 0.5, b=np.nan), "b is nan"),
    (lambda: enumerate_masks(21, 0.5), "2\\^21 masks"),
    (lambda: enumerate_masks(0, 0.5), "at least 1, not 0"),
    (lambda: enumerate_masks(2.5, 0.5), "not 2.5"),
    (lambda: enumerate_masks(2, 1.0), "not 1.0"),
    (lambda: jensen_gap(np.tanh, np.ones(21), np.ones(21), 0.5), "2\\^21 masks"),
    (lambda: jensen_gap(np.tanh, np.ones((2, 3)), ok, 0.5), r"one input, not \(2, 3\)"),
    (lambda: jensen_gap(np.sum, ok, ok, 0.5), r"argument's shape \(9,\), not \(\)"),
    (lambda: jensen_gap(lambda z: np.where(z == 0, np.nan, z), ok, ok, 0.5), r"phi\(0\) is nan"),
    (lambda: expected_squared_loss(np.ones((2, 3)), ok, ok, 0.5), "one target for each row"),
    (lambda: expected_squared_loss(np.ones((3, 2)), ok, ok, 0.5), r"\(3, 2\) and \(3,\)"),
    (lambda: tikhonov_penalty(ok, ok, 0.5), r"X\[:, None\]"),
    (lambda: tikhonov_penalty(np.ones((2, 3)), ok, 1.5), "not 1.5"),
    (lambda: tikhonov_penalty([[1.0], [1.0, 2.0]], ok, 0.5), "X must hold real numbers in rows of equal length"),
    (lambda: dropout_ridge(np.ones((3, 2)), ok, 1), "not 1"),
])
def test_bad_input_is_refused_in_one_sentence(call, message):
    with pytest.raises(ValueError, match=message) as refused:
        call()
    assert "\n" not in str(refused.value)
