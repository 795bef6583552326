"""Uncertainty: the entropies against sums written out, and their limits."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from scipy.stats import entropy, norm
from sklearn.calibration import calibration_curve
from sklearn.metrics import log_loss

from book_utils.uncertainty import (
    coverage,
    decompose,
    disagreement,
    ensemble_gain,
    expected_calibration_error,
    fit_temperature,
    log_likelihood,
    reliability,
    risk_coverage,
)


@given(st.integers(1, 6), st.integers(1, 4), st.integers(2, 5), st.integers(0, 10**6))
@settings(max_examples=60)
def test_the_parts_are_the_entropies_and_add_up(T, n, C, seed):
    probs = np.random.default_rng(seed).dirichlet(np.full(C, 0.5), (T, n))
    parts = decompose(probs)
    for i in range(n):
        assert np.isclose(parts.total[i], entropy(probs[:, i].mean(axis=0)))
        assert np.isclose(parts.aleatoric[i], np.mean([entropy(probs[t, i]) for t in range(T)]))
        # The mutual information, written as the average divergence of a pass from the mean of all.
        divergence = np.mean([entropy(probs[t, i], probs[:, i].mean(axis=0)) for t in range(T)])
        assert np.isclose(parts.epistemic[i], divergence, atol=1e-12)
        assert 0 <= parts.epistemic[i] <= np.log(C) + 1e-12


def test_passes_that_agree_leave_noise_alone():
    one = np.random.default_rng(0).dirichlet(np.ones(5), 200)
    parts = decompose(np.tile(one, (7, 1, 1)))
    assert np.allclose(parts.epistemic, 0, atol=1e-12) and (parts.epistemic >= 0).all()
    assert np.allclose(parts.total, entropy(one, axis=1))


def test_what_rounding_leaves_of_a_sum_of_1_is_divided_out():
    probs = np.random.default_rng(1).dirichlet(np.ones(4), (3, 2))
    rounded, exact = decompose(probs * (1 + 5e-5)), decompose(probs)
    for name in ("total", "aleatoric", "epistemic"):
        assert np.allclose(getattr(rounded, name), getattr(exact, name), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("probs, message", [
    (np.ones((2, 3)) / 3, r"\(T, n, C\).*not \(2, 3\)"),
    (np.ones((0, 2, 3)), "none empty"),
    (np.full((5, 2, 1), 0.3), r"one column, of shape \(5, 2, 1\).*both classes"),
    (np.ones((2, 2, 3)), "between 3 and 3; apply softmax"),
    (np.tile([-0.5, 1.5], (2, 2, 1)), "from -0.5"),
    (np.full((2, 2, 2), np.nan), r"probs\[0, 0, 0\] is nan"),
])
def test_what_is_no_distribution_is_refused(probs, message):
    with pytest.raises(ValueError, match=message):
        decompose(probs)


@given(st.integers(2, 9), st.integers(1, 6), st.sampled_from([(0, 1), (-1, 1)]), st.integers(0, 10**6))
@settings(max_examples=60)
def test_the_gain_is_the_disagreement_times_a_factor(T, n, values, seed):
    rng = np.random.default_rng(seed)
    votes, y = rng.choice(values, (T, n)), rng.choice(values, n)
    pairs = np.mean([votes[s] != votes[t] for s, t in itertools.combinations(range(T), 2)])
    assert np.isclose(disagreement(votes), pairs)
    individual = np.mean([[(votes[t, i] - y[i]) ** 2 for i in range(n)] for t in range(T)])
    ensemble = np.mean([(votes[:, i].mean() - y[i]) ** 2 for i in range(n)])
    assert np.isclose(ensemble_gain(votes, y), individual - ensemble)
    factor = 1 if values == (0, 1) else 4
    assert np.isclose(ensemble_gain(votes, y), factor * (T - 1) / (2 * T) * pairs)
    assert np.isclose(ensemble_gain(votes[:, 0], y[0]), factor * (T - 1) / (2 * T) * disagreement(votes[:, 0]))


@pytest.mark.parametrize("call, message", [
    (lambda: disagreement([1]), "T >= 2"),
    (lambda: disagreement([0, 2]), r"not \[0.0, 2.0\]"),
    (lambda: disagreement([-1, 0, 1]), "all be 0 or 1"),
    (lambda: ensemble_gain([0, 1, 1], -1), "all be 0 or 1"),
    (lambda: ensemble_gain(np.ones((3, 2)), [1, 1, 1]), r"y must have shape \(2,\)"),
    (lambda: disagreement(np.ones((2, 2, 2))), r"not \(2, 2, 2\)"),
    (lambda: ensemble_gain([1, 1], np.ones((1, 1))), r"y must have shape \(\)"),
])
def test_votes_of_another_kind_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def sure_rows(seed=0, n=400, C=4, sharper=1.0):
    """Logits (n, C) and classes drawn from softmax(logits), the logits then multiplied by `sharper`."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (n, C))
    y = (softmax(logits, axis=1).cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    return sharper * logits, y


def test_log_likelihood_is_the_mixture_density_written_out():
    rng = np.random.default_rng(0)
    samples, y, tau = rng.normal(0, 2, (7, 5)), rng.normal(0, 2, 5), 1.7
    density = [np.mean([norm.pdf(y[i], samples[t, i], tau**-0.5) for t in range(7)]) for i in range(5)]
    assert np.isclose(log_likelihood(samples, y, tau), np.mean(np.log(density)))
    # A unit 100 times smaller: log 100 less. And no underflow far out.
    assert np.isclose(log_likelihood(100 * samples, 100 * y, tau / 1e4), np.mean(np.log(density)) - np.log(100))
    assert np.isclose(log_likelihood(np.zeros((3, 1)), [1e4], 1.0), norm.logpdf(1e4))


def test_coverage_counts_the_rows_and_keeps_its_promise():
    rng = np.random.default_rng(1)
    mean, std = rng.normal(size=20_000), rng.uniform(0.5, 2, 20_000)
    y = mean + std * rng.standard_normal(20_000)
    for level in (0.5, 0.9, 0.95):
        assert abs(coverage(mean, std, y, level) - level) < 4 * np.sqrt(level * (1 - level) / 20_000)
    assert coverage([0.0, 0.0], 0.0, [0.0, 1e-9]) == 0.5  # an interval of width 0 holds its own point
    assert coverage([0.0], [1.0], [norm.ppf(0.975)]) == 1.0 and coverage([0.0], [1.0], [1.9601]) == 0.0


@pytest.mark.parametrize("call, message", [
    (lambda: coverage([0.0], [-1.0], [0.0]), "std must not be negative.*-1.*root"),
    (lambda: coverage([0.0], [1.0, 2.0], [0.0]), r"\(1,\), \(1,\) and \(2,\)"),
    (lambda: coverage([0.0], [1.0], [0.0], 95), "between 0 and 1, not 95"),
    (lambda: log_likelihood([1.0], [1.0], 1), r"passes first.*not \(1,\) and \(1,\)"),
    (lambda: log_likelihood([[1.0]], [1.0], 0), "tau must be.*not 0"),
    (lambda: reliability([[0.5, 0.6]], [0]), "sum to between 1.1 and 1.1; apply softmax"),
    (lambda: reliability([[1.0]], [0]), "all classes, two or more.*not 1 from"),
    (lambda: reliability([[0.5, 0.5]], [2]), "from 0 to 1, not values from 2 to 2"),
    (lambda: reliability([[0.5, 0.5]], [0.5]), "whole numbers"),
    (lambda: reliability([[0.5, 0.5]], [0, 1]), r"shape \(1,\).*an array of shape \(2,\)"),
    (lambda: reliability([[0.5, 0.5]], [0], 0), "n_bins must be"),
    (lambda: fit_temperature([[1.0, 0.0]], [0]), "All 1 rows are right"),
    (lambda: fit_temperature([[1.0, 0.0], [0.0, 1.0]], [1, 0]), "no better than equal ones"),
    (lambda: fit_temperature([[1.0, 0.0], [1.0, 0.0]], [0, 1]), "no better than equal ones"),
    (lambda: risk_coverage([1.0], [2]), "True and False"),
    (lambda: risk_coverage([1.0], [True, False]), r"not \(1,\) and \(2,\)"),
])
def test_what_cannot_be_scored_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_reliability_is_the_curve_of_scikit_learn():
    logits, y = sure_rows()
    probs = softmax(logits, axis=1)
    bins = reliability(probs, y, n_bins=10)
    right = probs.argmax(axis=1) == y
    accuracy, confidence = calibration_curve(right, probs.max(axis=1), n_bins=10)
    full = bins.count > 0
    assert np.allclose(bins.accuracy[full], accuracy) and np.allclose(bins.confidence[full], confidence)
    assert np.isnan(bins.accuracy[~full]).all() and np.isnan(bins.confidence[~full]).all() and (~full).any()
    assert bins.count.sum() == len(y)


@pytest.mark.parametrize("n_bins", [3, 10, 15, 20])
def test_a_confidence_on_an_edge_belongs_to_the_lower_bin(n_bins):
    for k in range(n_bins // 2 + 1, n_bins + 1):
        edge = k / n_bins
        assert reliability([[edge, 1 - edge]], [0], n_bins).count.argmax() == k - 1
        if k < n_bins:
            above = np.nextafter(edge, 1)
            assert reliability([[above, 1 - above]], [0], n_bins).count.argmax() == k


@given(st.integers(1, 30), st.integers(0, 10**6))
@settings(max_examples=40)
def test_calibration_error_is_the_sum_over_bins(n_bins, seed):
    logits, y = sure_rows(seed, n=50)
    probs = softmax(logits, axis=1)
    confidence, right = probs.max(axis=1), probs.argmax(axis=1) == y
    total = 0.0
    for k in range(n_bins):
        inside = (confidence > k / n_bins) & (confidence <= (k + 1) / n_bins)
        total += abs(right[inside].sum() - confidence[inside].sum()) / len(y)
    assert np.isclose(expected_calibration_error(probs, y, n_bins), total)
    # One bin: the gap of the means. More bins never hide more of it.
    assert expected_calibration_error(probs, y, 1) <= expected_calibration_error(probs, y, n_bins) + 1e-12


@pytest.mark.parametrize("sharper", [1e-6, 0.3, 1.0, 3.0, 1e6])
def test_the_temperature_is_the_minimum_that_a_search_finds(sharper):
    logits, y = sure_rows(3, sharper=sharper)

    def nll(log_t):
        return -log_softmax(logits / (sharper * np.exp(log_t)), axis=1)[np.arange(len(y)), y].mean()

    search = sharper * np.exp(minimize_scalar(nll, bounds=(-3, 3), method="bounded", options={"xatol": 1e-10}).x)
    found = fit_temperature(logits, y)
    assert np.isclose(found, search, rtol=1e-5) and 0.7 < found / sharper < 1.4  # the truth is `sharper`
    shift = np.random.default_rng(0).normal(0, sharper, (len(y), 1))
    assert np.isclose(fit_temperature(logits + shift, y), found, rtol=1e-9)  # softmax does not see it
    scaled = softmax(logits / found, axis=1)
    assert log_loss(y, scaled) <= log_loss(y, softmax(logits, axis=1)) + 1e-12
    assert np.array_equal(scaled.argmax(axis=1), logits.argmax(axis=1))
    # At the minimum the logits expected are those of the true classes.
    assert np.isclose((scaled * logits).sum(axis=1).mean(), logits[np.arange(len(y)), y].mean(), rtol=1e-6)


def test_risk_is_what_is_wrong_among_the_rows_kept():
    rng = np.random.default_rng(4)
    score, correct = rng.normal(size=60), rng.random(60) < 0.7
    curve = risk_coverage(score, correct)
    for k in range(1, 61):
        bar = np.sort(score)[-k]
        assert np.isclose(curve.risk[k - 1], 1 - correct[score >= bar].mean())
        assert np.isclose(curve.coverage[k - 1], k / 60)
    # A score that knows the answers keeps risk 0 as long as any order can.
    known = risk_coverage(correct, correct)
    assert (known.risk[: correct.sum()] == 0).all() and np.isclose(known.risk[-1], 1 - correct.mean())
    tied = risk_coverage(np.zeros(3), [0, 1, 1])
    assert np.allclose(tied.risk, [1, 1 / 2, 1 / 3])
