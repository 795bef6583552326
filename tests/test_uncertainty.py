"""Uncertainty: the entropies against sums written out, and their limits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy

from book_utils.uncertainty import decompose


@given(st.integers(1, 6), st.integers(1, 4), st.integers(1, 5), st.integers(0, 10**6))
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
    (np.ones((2, 2, 3)), "between 3 and 3; apply softmax"),
    (np.tile([-0.5, 1.5], (2, 2, 1)), "from -0.5"),
    (np.full((2, 2, 2), np.nan), r"probs\[0, 0, 0\] is nan"),
])
def test_what_is_no_distribution_is_refused(probs, message):
    with pytest.raises(ValueError, match=message):
        decompose(probs)
