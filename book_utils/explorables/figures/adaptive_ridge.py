"""Ridge and dropout in two weights, while the size of one feature changes: the numbers behind `adaptive_ridge.mjs`."""

import numpy as np

from book_utils.dropout import dropout_ridge
from book_utils.explorables._element import Explorable, head
from book_utils.explorables._maths import contour
from book_utils.explorables._text import number
from book_utils.linear import lstsq, ridge
from book_utils.style import COLORS

START = {"p": 0.5, "c": 0.5}


def data():
    """Eight rows of two features with mean square 1 and correlation 0.4, and targets: (8, 2), (8,)."""
    t = np.arange(8) * np.pi / 4 + 0.3
    first, second = np.sqrt(2) * np.cos(t), np.sqrt(2) * np.sin(t)
    X = np.column_stack([first, 0.4 * first + np.sqrt(1 - 0.4**2) * second]).round(9)
    return X, (X @ [1.1, 0.9] + np.array([0.3, -0.3, -0.4, 0.5, 0.3, 0.1, -0.6, 0.1])).round(9)


def scaled(X, c):
    """X (n, 2) with its second column times c."""
    return np.asarray(X) * [1, c]


def sizes(X):
    """The mean squares of the two columns."""
    return (np.asarray(X) ** 2).mean(axis=0)


def fitted(X, w):
    """Xw."""
    return np.asarray(X) @ w


def mean_gram(X):
    """X'X/n."""
    return np.transpose(X) @ np.asarray(X) / len(X)


def outline(s, w):
    """80 weights with the penalty sum_j s_j w_j^2 of w."""
    return contour(np.diag(s), np.zeros(2), np.dot(s, np.square(w)) / 2)


def level_curve(X, w_hat, w):
    """80 weights with the same loss as w."""
    G, e = mean_gram(X), np.subtract(w, w_hat)
    return contour(G, w_hat, e @ G @ e / 2)


def moved(a, b):
    """The root of the mean squared difference."""
    return np.sqrt(np.mean(np.subtract(a, b) ** 2))


def sentence(p, c, X, y):
    """X at equal sizes; lam of ridge is p/(1-p), which is what dropout means there."""
    A, lam, X = scaled(X, c), p / (1 - p), np.asarray(X)
    by_ridge = moved(fitted(A, ridge(A, y, lam)), fitted(X, ridge(X, y, lam)))
    by_dropout = moved(fitted(A, dropout_ridge(A, y, p)), fitted(X, dropout_ridge(X, y, p)))
    if number(c, 1) == "1.0":
        return (f"Both features have mean square 1: dropout is ridge with λ = p/(1−p) = {number(lam)}, and the two "
                "dots are one.")
    return (f"Feature 2 times {number(c, 1)}: ridge with λ = {number(lam)} now fits other values (moved by "
            f"{number(by_ridge)}, root mean square). Dropout moved its weight w₂, and fits the same values "
            f"(moved by {number(by_dropout)}).")


def adaptive_ridge():
    """Change the size of one feature: the minimizer under dropout follows, that of ridge fits other values."""
    import matplotlib.pyplot as plt

    X, y = data()
    w_hat, (p, c) = lstsq(X, y).round(9), START.values()
    A, best = scaled(X, c), w_hat / [1, c]
    fits = {"l2": (ridge(A, y, p / (1 - p)), np.ones(2)), "dropout": (dropout_ridge(A, y, p), sizes(A))}
    figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3.3), layout="constrained")
    right.plot([-3, 3], [-3, 3], "--", color="black", lw=1)
    for (color, (w, s)), name in zip(fits.items(), ("ridge", "dropout"), strict=True):
        for at, curve in ((COLORS["none"], level_curve(A, best, w)), (COLORS[color], outline(s, w))):
            left.plot(*np.vstack([curve, curve[:1]]).T, color=at, lw=1)
        left.plot(*w, "o", color=COLORS[color], ms=7 if color == "l2" else 5)
        left.annotate(name, w, (6, 8 if color == "l2" else -14), textcoords="offset points", color=COLORS[color])
        right.plot(y, fitted(A, w), "o", color=COLORS[color], ms=7 if color == "l2" else 5, label=name)
    left.plot(*best, "o", color=COLORS["none"], ms=5)
    left.annotate("least squares", best, (0, -14), textcoords="offset points", ha="center", color=COLORS["none"])
    left.set(xlim=(-0.9, 2.5), ylim=(-0.8, 2), xlabel="weight $w_1$")
    right.set(xlim=(-3, 3), ylim=(-2, 2), xlabel="target $y$")
    right.legend(loc="lower right")
    head(left, "A", "weight $w_2$")
    head(right, "B", "fitted value")
    return Explorable(
        "adaptive_ridge", {"start": START, "X": X, "y": y, "w_hat": w_hat}, fallback=figure,
        alt="A: in the plane of two weights the circle of ridge and the tall ellipse of dropout, each touching a "
            "contour of the loss at its own minimizer, nearer to zero than least squares. B: the eight fitted values "
            "of the two, which differ, since feature 2 is half as large as feature 1.")
