"""Two features, nearly parallel: the numbers behind `collinear.mjs`."""

import numpy as np

from book_utils.explorables._element import Explorable, head
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
    outside = {"A": abs(w1 - 1) > 7 or abs(w2) > 7, "B": w1 * np.cos(np.deg2rad(theta / 2)) > 4}
    off = [panel for panel in outside if outside[panel]]
    where = f", off the chart in {' and '.join(off)}" if off else ""
    return (f"cond(X) = s₁/s₂ = {number(s1 / s2, 1)}. The best weights are ŵ = ({number(w1, 1)}, {number(w2, 1)})"
            f"{where}; moving the one target y₁ by 1 moves ŵ by {moved}.")


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
    left.plot(*w, "o", color=COLORS["none"], ms=5)
    left.annotate("ŵ", w, xytext=(6, 6), textcoords="offset points")
    left.set(xlim=(-6, 8), ylim=(-7, 7), xlabel="weight $w_1$")
    head(left, "A", "weight $w_2$")
    tips = np.cos(np.deg2rad(theta / 2)), np.sin(np.deg2rad(theta / 2))
    for name, sign in (("$x_1$", 1), ("$x_2$", -1)):
        right.annotate("", (tips[0], sign * tips[1]), (0, 0), arrowprops={"arrowstyle": "-|>", "color": "black"})
        right.annotate(name, (tips[0], sign * tips[1]), xytext=(4, 9 * sign), textcoords="offset points", va="center")
    steps = np.array([[0, 0], [w[0] * tips[0], w[0] * tips[1]], [y.sum() / 2, (y * [1, -1, 1, -1]).sum() / 2]])
    right.plot(*steps.T, color=COLORS["none"])
    right.annotate("", steps[-1], steps[-2], arrowprops={"arrowstyle": "-|>", "color": COLORS["none"], "shrinkA": 0})
    right.annotate("ŷ", steps[-1], xytext=(-3, 6), textcoords="offset points")
    s = singular_values(X)
    t = np.linspace(0, 2 * np.pi, 100)
    right.plot(s[0] * np.cos(t), s[1] * np.sin(t), ":", color="gray", lw=1)
    for name, value, end in (("$s_1$", s[0], (-s[0], 0)), ("$s_2$", s[1], (0, -s[1]))):
        right.plot(*np.transpose([(0, 0), end]), color="black", lw=1.2)
        right.annotate(f"{name} {value:.2f}", end, xytext=(-4, 8 if end[0] else -12), textcoords="offset points",
                       ha="left" if end[0] else "right")
    right.set(xlim=(-1.6, 4), ylim=(-2.3, 2.3), xlabel="along both features")
    head(right, "B", "across them")
    return Explorable(
        "collinear", {"start": START, "y": TARGETS, "levels": LEVELS}, fallback=figure,
        alt=f"A: the contours of the training error in weight space form a long narrow valley, its floor shaded, "
            f"around the best weights, {w[0]:.1f} and {w[1]:.1f}. B: two feature arrows {theta} degrees apart, a flat "
            f"dotted ellipse through their tips with half-axes s₁ and s₂, and the long detour along the arrows to the "
            f"prediction. The condition number is {s[0] / s[1]:.1f}.")
