"""Two features, nearly parallel: the numbers behind `collinear.mjs`."""

import numpy as np

from book_utils.explorables._element import Explorable
from book_utils.linear import lstsq
from book_utils.style import COLORS

TARGETS = np.array([0.9, 0.6, 0.9, 0.6])
LEVELS = [0.1, 0.4, 1.6]


def columns(theta):
    """Four observations of two unit features with the angle theta (degrees) between them: (4, 2)."""
    half = np.deg2rad(theta) / 2
    along, across = np.full(4, 0.5), np.array([0.5, -0.5, 0.5, -0.5])
    return np.column_stack([np.cos(half) * along + np.sin(half) * across,
                            np.cos(half) * along - np.sin(half) * across])


def singular_values(X):
    """Both singular values, largest first."""
    return np.linalg.svd(X, compute_uv=False)


def loss_contour(X, w_hat, level, n=80):
    """n points w with ||X (w - w_hat)||² = level: (n, 2)."""
    (a, b), (_, c) = np.asarray(X).T @ X
    phi, t = np.arctan2(2 * b, a - c) / 2, 2 * np.pi * np.arange(n) / n
    v1, v2 = np.array([np.cos(phi), np.sin(phi)]), np.array([-np.sin(phi), np.cos(phi)])
    s1, s2 = singular_values(X)
    return w_hat + np.sqrt(level) * (np.outer(np.cos(t) / s1, v1) + np.outer(np.sin(t) / s2, v2))


def collinear(theta=10, y1=0.9):
    """Turn the angle between two features and move one target: the contours stretch, the weights fly off.

    Parameters
    ----------
    theta : float
        Angle between the features at the start, in degrees.
    y1 : float
        The first of the four targets at the start.
    """
    import matplotlib.pyplot as plt

    X, y = columns(theta), np.array([y1, *TARGETS[1:]])
    w = lstsq(X, y)
    figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3.3), layout="constrained")
    for level in LEVELS:
        left.plot(*loss_contour(X, w, level).T, color=COLORS["none"], lw=1)
    left.plot(*w, "o", color=COLORS["none"])
    left.annotate("ŵ", w, xytext=(6, 6), textcoords="offset points")
    left.set(xlim=(-6, 8), ylim=(-7, 7), xlabel="weight $w_1$", ylabel="weight $w_2$")
    tips = np.cos(np.deg2rad(theta / 2)), np.sin(np.deg2rad(theta / 2))
    for name, sign in (("$x_1$", 1), ("$x_2$", -1)):
        right.annotate("", (tips[0], sign * tips[1]), (0, 0), arrowprops={"arrowstyle": "-|>", "color": "black"})
        right.annotate(name, (tips[0], sign * tips[1]), xytext=(4, 9 * sign), textcoords="offset points", va="center")
    steps = np.array([[0, 0], [w[0] * tips[0], w[0] * tips[1]], [y.sum() / 2, (y * [1, -1, 1, -1]).sum() / 2]])
    right.plot(*steps.T, color=COLORS["none"])
    right.plot(*steps[-1], "o", color=COLORS["none"])
    right.annotate("ŷ", steps[-1], xytext=(6, 6), textcoords="offset points")
    s = singular_values(X)
    t = np.linspace(0, 2 * np.pi, 100)
    right.plot(s[0] * np.cos(t), s[1] * np.sin(t), ":", color="gray", lw=1)
    right.set(xlim=(-1.6, 4), ylim=(-2.8, 2.8), xlabel="along both features", ylabel="across them")
    return Explorable(
        "collinear", {"start": {"theta": theta, "y1": y1}, "y": TARGETS, "levels": LEVELS}, fallback=figure,
        alt=f"Left: the contours of the training error in weight space form a long narrow valley around the best "
            f"weights, {w[0]:.1f} and {w[1]:.1f}. Right: two feature arrows {theta} degrees apart, and the long detour "
            f"along them to the prediction. The condition number is {s[0] / s[1]:.1f}.")
