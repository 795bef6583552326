"""Two features, nearly parallel: the numbers behind `collinear.mjs`."""

import numpy as np

from book_utils.explorables._element import Explorable
from book_utils.explorables._maths import contour
from book_utils.explorables._text import number
from book_utils.linear import lstsq
from book_utils.style import COLORS

TARGETS = np.array([0.9, 0.6, 0.9, 0.6])
LEVELS = [0.1, 0.4, 1.6]
START = {"theta": 10, "y1": 0.9}


def columns(theta):
    """Four observations of two unit features with the angle theta (degrees) between them: (4, 2)."""
    half = np.deg2rad(theta) / 2
    along, across = np.full(4, 0.5), np.array([0.5, -0.5, 0.5, -0.5])
    return np.column_stack([np.cos(half) * along + np.sin(half) * across,
                            np.cos(half) * along - np.sin(half) * across])


def gram(X):
    """X'X."""
    return np.transpose(X) @ X


def singular_values(X):
    """Both singular values, largest first."""
    return np.linalg.svd(X, compute_uv=False)


def sensitivity(X):
    """How far the least-squares weights move when the first target moves by 1: a column of the pseudoinverse."""
    return np.linalg.norm(np.linalg.pinv(X)[:, 0])


def sentence(theta, y):
    """For the four targets y; theta in degrees."""
    X = columns(theta)
    (w1, w2), (s1, s2), moved = lstsq(X, y), singular_values(X), number(sensitivity(X), 1)
    off = abs(w1 - 1) > 7 or abs(w2) > 7 or w1 * np.cos(np.deg2rad(theta / 2)) > 4
    return (f"cond(X) = s₁/s₂ = {number(s1 / s2, 1)}. The best weights are ŵ = ({number(w1, 1)}, {number(w2, 1)})"
            f"{', off the chart' if off else ''}; moving the one target y₁ by 1 moves ŵ by {moved}.")


def collinear():
    """Turn the angle between two features and move one target: the contours stretch, the weights fly off."""
    import matplotlib.pyplot as plt

    theta, y1 = START.values()
    X, y = columns(theta), np.array([y1, *TARGETS[1:]])
    w = lstsq(X, y)
    figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3.3), layout="constrained")
    outlines = [contour(gram(X), w, level / 2).T for level in LEVELS]
    outlines = [np.column_stack([outline, outline[:, 0]]) for outline in outlines]  # closed
    left.fill(*outlines[0], color=COLORS["none"], alpha=0.18, lw=0)
    for outline in outlines:
        left.plot(*outline, color=COLORS["none"], lw=1)
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
    right.plot(s[0] * np.cos(t), s[1] * np.sin(t), "--", color="gray", lw=1)
    right.plot([-s[0], 0, 0], [0, 0, -s[1]], "--", color="black", lw=1.5)
    right.annotate(f"$s_1$ {number(s[0])}", (-s[0], 0), xytext=(-2, 10), textcoords="offset points")
    right.annotate(f"$s_2$ {number(s[1])}", (0, -s[1]), xytext=(-2, -4), textcoords="offset points", ha="right",
                   va="top")
    right.set(xlim=(-1.6, 4), ylim=(-2.8, 2.8), xlabel="along both features", ylabel="across them")
    return Explorable(
        "collinear", {"start": START, "y": TARGETS, "levels": LEVELS}, fallback=figure,
        alt=f"Left: the contours of the training error in weight space form a long narrow valley, its floor shaded, "
            f"around the best weights, {w[0]:.1f} and {w[1]:.1f}. Right: two feature arrows {theta} degrees apart, "
            f"a flat dashed ellipse through their tips with half-axes s₁ and s₂, and the long detour along the arrows "
            f"to the prediction. The condition number is {s[0] / s[1]:.1f}.")
