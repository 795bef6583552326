"""Mathematics of several figures; the same in `maths.mjs`."""

import math

import numpy as np

erf = math.erf


def normal_cdf(z):
    """Probability that a standard normal variable is below z."""
    return 0.5 * math.erfc(-z / math.sqrt(2))


def histogram(values, weights, low, high, bins):
    """The weight in each of so many equal bins from low to high, without what lies outside: (bins,)."""
    return np.histogram(values, bins, (low, high), weights=weights)[0]


def contour(G, w_hat, level, n=80):
    """n points w with (w - w_hat)' G (w - w_hat) / 2 = level: (n, 2)."""
    (a, b), (_, c) = np.asarray(G)
    phi, t = np.arctan2(2 * b, a - c) / 2, 2 * np.pi * np.arange(n) / n
    v1, v2 = np.array([np.cos(phi), np.sin(phi)]), np.array([-np.sin(phi), np.cos(phi)])
    s1, s2 = v1 @ G @ v1, v2 @ G @ v2
    return w_hat + np.sqrt(2 * level) * (np.outer(np.cos(t) / np.sqrt(s1), v1) + np.outer(np.sin(t) / np.sqrt(s2), v2))


def band(x, mean, std):
    """The outline (2n, 2) of mean ± 2 std over x (n,): forth along its upper edge and back along the lower."""
    return np.vstack([np.column_stack([x, mean + 2 * std]), np.column_stack([x, mean - 2 * std])[::-1]])


def gap_averages(x, values, gap):
    """The average of the values (n,) at x (n,) outside of the gap, and inside of it."""
    x, values = np.asarray(x), np.asarray(values)
    return values[(x < gap[0]) | (x > gap[1])].mean(), values[(x > gap[0]) & (x < gap[1])].mean()
