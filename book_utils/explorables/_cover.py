"""A penalty, noise and doubt in one picture: the numbers behind `cover.mjs`."""

import numpy as np

from book_utils.explorables._element import Explorable
from book_utils.linear import ridge
from book_utils.style import COLORS

GAP = (0.42, 0.72)
CENTERS, WIDTH = np.linspace(-0.05, 1.05, 24), 0.07


def bumps(x, centers, width):
    """Gaussian bumps: phi_j(x) = exp(-(x - c_j)² / (2 width²)); x (n,) gives (n, d)."""
    return np.exp(-((np.asarray(x)[:, None] - centers) ** 2) / (2 * width**2))


def dropout_std(X, w, p):
    """Standard deviation (n,) of Xw when each term is dropped with probability p and the rest scaled by 1/(1 - p)."""
    return np.sqrt(p / (1 - p) * np.square(X) @ np.square(w))


def cover(lam=1e-3, p=0.2):
    """A curve through data with a gap: a penalty λ calms it, noise p spreads it, and the spread is not yet a doubt.

    Parameters
    ----------
    lam : float
        Strength of the L2 penalty at the start.
    p : float
        Probability of dropping a feature at the start.
    """
    import matplotlib.pyplot as plt

    rng = np.random.default_rng(3)
    x = np.sort(np.concatenate([rng.uniform(0, GAP[0], 12), rng.uniform(GAP[1], 1, 8)]))
    y = np.sin(5.5 * x) + 0.35 * x + 0.22 * rng.standard_normal(20)
    x, y = x.round(4), y.round(4)
    grid, uniforms = np.linspace(0, 1, 141), rng.random((30, 24)).round(4)
    truth = np.sin(5.5 * grid) + 0.35 * grid
    X, G = bumps(x, CENTERS, WIDTH), bumps(grid, CENTERS, WIDTH)
    w = ridge(X, y, lam)
    mean, std = G @ w, dropout_std(G, w, p)

    figure, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
    ax.axvspan(*GAP, color="0.94")
    ax.text(np.mean(GAP), -1.8, "no data here", ha="center")
    ax.fill_between(grid, mean - 2 * std, mean + 2 * std, color=COLORS["dropout"], alpha=0.2, lw=0)
    for mask in uniforms < 1 - p:
        ax.plot(grid, G @ (w * mask / (1 - p)), color=COLORS["dropout"], lw=0.6, alpha=0.5)
    ax.plot(grid, truth, "k--", lw=1.2)
    ax.plot(grid, mean, color=COLORS["l2"], lw=2.4)
    ax.plot(x, y, "o", color=COLORS["data"], ms=5)
    ax.set(xlim=(0, 1), ylim=(-2, 2.4), xlabel="x", ylabel="y")
    return Explorable(
        "cover",
        {"start": {"log_lam": float(np.log10(lam)), "p": p}, "x": x, "y": y, "truth": truth.round(4),
         "grid": grid.round(4), "centers": CENTERS.round(6), "width": WIDTH, "uniforms": uniforms, "gap": GAP},
        fallback=figure,
        alt="Gray data points left and right of an empty gap. A blue curve runs through them; thirty green curves, "
            "the same model with features dropped at random, spread around it in a band that is widest on the data "
            "and narrowest in the gap, where the dashed truth lies outside it.")
