"""A penalty, noise and doubt in one picture: the numbers behind `cover.mjs`."""

import numpy as np

from book_utils.explorables._element import Explorable
from book_utils.explorables._maths import band, gap_averages
from book_utils.explorables._text import number
from book_utils.linear import ridge
from book_utils.style import COLORS

GAP = (0.42, 0.72)
CENTERS, WIDTH = np.linspace(-0.05, 1.05, 24), 0.07
START = {"log_lam": -3.0, "p": 0.2}


def bumps(x, centers, width):
    """Gaussian bumps: phi_j(x) = exp(-(x - c_j)² / (2 width²)); x (n,) gives (n, d)."""
    return np.exp(-((np.asarray(x)[:, None] - centers) ** 2) / (2 * width**2))


def dropout_std(X, w, p):
    """Standard deviation (n,) of Xw when each term is dropped with probability p and the rest scaled by 1/(1 - p)."""
    return np.sqrt(p / (1 - p) * np.square(X) @ np.square(w))


def predictions(X, w):
    """The prediction Xw (n,)."""
    return np.asarray(X) @ w


def dropped(w, uniforms, p):
    """The weights that are kept, those whose number in [0, 1) is below 1 - p, divided by 1 - p; the rest are 0."""
    return np.asarray(w) * (np.asarray(uniforms) < 1 - p) / (1 - p)


def sentence(w, p, x, std, gap):
    """`std` holds that of the dropped prediction at each point of x."""
    said = f"The weights have norm {number(np.linalg.norm(w), 1)}."
    if p == 0:
        return f"{said} The curve is one answer, and it does not say how far to trust it."
    outside, inside = gap_averages(x, std, gap)
    known = " It is narrower where nothing is known: a spread is not yet a doubt." if inside < outside else ""
    return (f"{said} The band reaches ±{number(2 * outside)} on average where there are data and "
            f"±{number(2 * inside)} in the gap.{known}")


def cover():
    """A curve through data with a gap: a penalty λ calms it, noise p spreads it, and the spread is not yet a doubt."""
    import matplotlib.pyplot as plt

    p = START["p"]
    rng = np.random.default_rng(3)
    x = np.sort(np.concatenate([rng.uniform(0, GAP[0], 12), rng.uniform(GAP[1], 1, 8)]))
    y = np.sin(5.5 * x) + 0.35 * x + 0.22 * rng.standard_normal(20)
    x, y = x.round(4), y.round(4)
    grid, uniforms = np.linspace(0, 1, 141), rng.random((30, 24)).round(4)
    truth = np.sin(5.5 * grid) + 0.35 * grid
    X, G = bumps(x, CENTERS, WIDTH), bumps(grid, CENTERS, WIDTH)
    w = ridge(X, y, 10 ** START["log_lam"])
    mean = predictions(G, w)

    figure, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
    ax.axvspan(*GAP, color="0.94")
    ax.text(np.mean(GAP), -1.8, "no data here", ha="center")
    ax.fill(*band(grid, mean, dropout_std(G, w, p)).T, color=COLORS["dropout"], alpha=0.2, lw=0)
    for row in uniforms:
        ax.plot(grid, predictions(G, dropped(w, row, p)), color=COLORS["dropout"], lw=0.6, alpha=0.5)
    ax.plot(grid, truth, "k--", lw=1.2)
    ax.plot(grid, mean, color=COLORS["l2"], lw=2.4)
    ax.plot(x, y, "o", color=COLORS["data"], ms=5)
    ax.set(xlim=(0, 1), ylim=(-2, 2.4), xlabel="x", ylabel="y")
    ax.text(0.88, -1.33, "a measurement", color=COLORS["data"], ha="right")
    ax.text(0.66, -0.85, "the truth", ha="right")
    ax.text(0.5, 0.75, "with a penalty", color=COLORS["l2"])
    ax.text(0.2, 1.85, "with noise, thirty times", color=COLORS["dropout"])
    return Explorable(
        "cover",
        {"start": START, "x": x, "y": y, "truth": truth.round(4),
         "grid": grid.round(4), "centers": CENTERS.round(6), "width": WIDTH, "uniforms": uniforms, "gap": GAP},
        fallback=figure,
        alt="Gray data points left and right of an empty gap. A blue curve runs through them; thirty green curves, "
            "the same model with features dropped at random, spread around it in a band that is widest on the data "
            "and narrowest in the gap, where the dashed truth lies outside it.")
