"""Uncertainty: the entropies against sums written out, and their limits."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy

from book_utils.uncertainty import decompose, disagreement, ensemble_gain


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
