"""Bayesian linear regression: against densities written out, quadrature, torch's divergences and brute force."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.stats import multivariate_normal, norm
from torch.distributions import Normal, kl_divergence

from book_utils.bayes import gaussian_kl, linear_elbo, linear_posterior, max_stable_lr, mean_field
from book_utils.linear import ridge

SIZES = st.integers(1, 7), st.integers(1, 5), st.floats(0.05, 5), st.floats(0.05, 5), st.integers(0, 10**6)


def problem(n, d, seed):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d)), rng.standard_normal(n), rng


@given(*SIZES)
@settings(max_examples=60)
def test_the_posterior_is_that_of_the_textbook_formula(n, d, noise_std, prior_std, seed):
    X, y, _ = problem(n, d, seed)
    posterior = linear_posterior(X, y, noise_std, prior_std)
    A = X.T @ X / noise_std**2 + np.eye(d) / prior_std**2
    assert np.allclose(posterior.cov @ A, np.eye(d), atol=1e-8)
    assert np.allclose(posterior.mean, np.linalg.solve(A, X.T @ y / noise_std**2))
    assert np.allclose(posterior.mean, ridge(X, y, noise_std**2 / (n * prior_std**2)))


@given(*SIZES)
@settings(max_examples=60)
def test_the_evidence_is_the_density_of_the_targets(n, d, noise_std, prior_std, seed):
    X, y, _ = problem(n, d, seed)
    direct = multivariate_normal(np.zeros(n), noise_std**2 * np.eye(n) + prior_std**2 * X @ X.T).logpdf(y)
    assert np.isclose(linear_posterior(X, y, noise_std, prior_std).log_evidence, direct)


def test_the_evidence_is_an_integral_over_the_weight():
    x, y = np.array([0.5, -1.2, 2.0]), np.array([0.3, -0.4, 1.9])
    density = lambda w: norm.pdf(y, x * w, 0.7).prod() * norm.pdf(w, 0, 1.5)  # noqa: E731
    area = quad(density, -15, 15, epsabs=1e-14)[0]
    assert np.isclose(linear_posterior(x[:, None], y, 0.7, 1.5).log_evidence, np.log(area), rtol=1e-9)


def test_two_halves_of_the_data_one_after_the_other_give_the_same_posterior():
    X, y, _ = problem(8, 3, 0)
    whole, first = linear_posterior(X, y, 0.4, 2.0), linear_posterior(X[:4], y[:4], 0.4, 2.0)
    precision = np.linalg.inv(first.cov)
    A = precision + X[4:].T @ X[4:] / 0.4**2
    assert np.allclose(np.linalg.inv(A), whole.cov)
    assert np.allclose(np.linalg.solve(A, precision @ first.mean + X[4:].T @ y[4:] / 0.4**2), whole.mean)


@given(*SIZES)
@settings(max_examples=60)
def test_no_factorized_gaussian_is_above_mean_field_and_that_is_below_the_evidence(n, d, noise_std, prior_std, seed):
    X, y, rng = problem(n, d, seed)
    best, exact = mean_field(X, y, noise_std, prior_std), linear_posterior(X, y, noise_std, prior_std)
    assert np.isclose(best.elbo, linear_elbo(X, y, best.mean, best.std, noise_std, prior_std))
    A = np.linalg.inv(exact.cov)
    gap = 0.5 * (np.log(A.diagonal()).sum() - np.linalg.slogdet(A)[1])
    assert np.isclose(exact.log_evidence - best.elbo, gap, atol=1e-8)
    assert best.elbo <= exact.log_evidence + 1e-9
    assert (best.std <= np.sqrt(exact.cov.diagonal()) + 1e-12).all()
    mu, sigma = best.mean + 0.1 * rng.standard_normal(d), best.std * np.exp(0.3 * rng.standard_normal(d))
    assert linear_elbo(X, y, mu, sigma, noise_std, prior_std) <= best.elbo + 1e-9


def test_an_optimizer_finds_the_same_factorized_gaussian():
    X, y, _ = problem(6, 3, 4)
    found = minimize(lambda t: -linear_elbo(X, y, t[:3], np.exp(t[3:]), 0.5, 1.0), np.zeros(6), tol=1e-12)
    best = mean_field(X, y, 0.5, 1.0)
    assert np.allclose(found.x[:3], best.mean, atol=1e-5) and np.allclose(np.exp(found.x[3:]), best.std, atol=1e-5)


def test_with_orthogonal_columns_the_bound_is_the_evidence():
    X = np.linalg.qr(np.random.default_rng(0).standard_normal((6, 3)))[0] * [1, 2, 5]
    y = np.arange(6.0)
    assert np.isclose(mean_field(X, y, 0.5, 2.0).elbo, linear_posterior(X, y, 0.5, 2.0).log_evidence, rtol=1e-12)


@given(st.integers(1, 6), st.floats(0.01, 100), st.integers(0, 10**6))
@settings(max_examples=60)
def test_the_divergence_is_torchs_and_not_negative(d, prior_std, seed):
    rng = np.random.default_rng(seed)
    mu, sigma = rng.standard_normal(d) * 3, np.exp(rng.standard_normal(d))
    theirs = kl_divergence(Normal(*map(torch.tensor, (mu, sigma))), Normal(torch.zeros(d).double(), prior_std)).sum()
    assert np.isclose(gaussian_kl(mu, sigma, prior_std), theirs.item())
    assert gaussian_kl(0 * mu, 0 * sigma + prior_std, prior_std) == 0
    assert gaussian_kl(mu, sigma, prior_std) >= 0


def test_the_elbo_is_the_average_over_draws_of_the_weights():
    X, y, rng = problem(5, 2, 1)
    mu, sigma = np.array([0.2, -0.5]), np.array([0.3, 0.8])
    w = mu + sigma * rng.standard_normal((200_000, 2))
    terms = (norm.logpdf(y, w @ X.T, 0.6).sum(axis=1) + norm.logpdf(w, 0, 1.3).sum(axis=1)
             - norm.logpdf(w, mu, sigma).sum(axis=1))
    error = terms.std() / np.sqrt(len(terms))
    assert abs(terms.mean() - linear_elbo(X, y, mu, sigma, 0.6, 1.3)) < 4 * error


@given(*SIZES)
@settings(max_examples=40)
def test_ascent_converges_just_below_the_limit_and_not_just_above(n, d, noise_std, prior_std, seed):
    X, y, _ = problem(n, d, seed)
    limit, exact = max_stable_lr(X, noise_std, prior_std), linear_posterior(X, y, noise_std, prior_std)
    A = np.linalg.inv(exact.cov)
    _, vectors = np.linalg.eigh(A)
    for factor, grows in ((0.95, False), (1.05, True)):
        mu = exact.mean + vectors[:, -1]  # along the steepest direction
        for _ in range(50):
            mu = mu + factor * limit * (X.T @ (y - X @ mu) / noise_std**2 - mu / prior_std**2)
        assert (np.linalg.norm(mu - exact.mean) > 1) == grows


def test_precision_survives_columns_that_are_nearly_equal():
    x = np.linspace(-1, 1, 50)
    X = np.column_stack([x, x + 1e-7 * x**2])
    posterior = linear_posterior(X, x, 1e-3, 1e3)
    ours, theirs = posterior.mean, ridge(X, x, 1e-6 / (50 * 1e6))
    assert np.allclose(X @ ours, X @ theirs, rtol=1e-9, atol=1e-12)
    assert np.linalg.eigvalsh(posterior.cov).min() > 0


@pytest.mark.parametrize("call, message", [
    (lambda: gaussian_kl([0.0], [0.0], 1.0), r"sigma\[0\] is 0.0: a standard deviation is positive"),
    (lambda: gaussian_kl([0.0, 1.0], [1.0], 1.0), r"not \(2,\) and \(1,\)"),
    (lambda: gaussian_kl([0.0], [1.0], 0.0), "prior_std must be a standard deviation.*not 0"),
    (lambda: linear_posterior([[1.0]], [1.0], -1, 1), "noise_std must be.*not -1"),
    (lambda: linear_posterior([1.0], [1.0], 1, 1), r"X\[:, None\]"),
    (lambda: linear_elbo([[1.0]], [1.0], [0.0, 0.0], [1.0, 1.0], 1, 1), r"shape \(1,\)"),
    (lambda: max_stable_lr([[np.nan]], 1, 1), r"X\[0, 0\] is nan"),
])
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
