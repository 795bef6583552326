"""Ridge regression on a polynomial: the numbers behind `shrinkage.mjs`."""

import numpy as np

from book_utils.explorables._element import Explorable, head
from book_utils.explorables._text import number
from book_utils.linear import ridge_path
from book_utils.style import COLORS

RANGE = -8.0, 0.5  # log10 of the penalty


def filter_factors(s, n, lam):
    """What the penalty leaves of each singular direction: s² / (s² + n lam), shape of s."""
    return np.square(s) / (np.square(s) + n * lam)


def coefficients(s, Vt, Uy, n, lam):
    """Ridge weights (d,) from the singular value decomposition: s (r,), Vt (r, d), Uy = Uᵀy (r,)."""
    return filter_factors(s, n, lam) / s * Uy @ Vt


def loo_mse(U, s, Uy, y, lam):
    """Mean squared leave-one-out error of centered data, by fitting (mean and weights) to all rows but one."""
    X, errors = U * s, []  # any V gives the same predictions
    for i in range(len(y)):
        A, b = np.delete(X, i, axis=0), np.delete(y, i)
        mean, level = A.mean(axis=0), b.mean()
        A = A - mean
        w = np.linalg.solve(A.T @ A + len(y) * lam * np.eye(len(s)), A.T @ (b - level))
        errors.append(y[i] - level - (X[i] - mean) @ w)
    return np.mean(np.square(errors))


def sentence(lam, best, U, s, Vt, Uy, y):
    """`lam` and `best` are penalties: the one at hand, and that of the smallest leave-one-out error."""
    dof, error = filter_factors(s, len(y), lam).sum(), loo_mse(U, s, Uy, y, lam)
    outside = np.sum(abs(coefficients(s, Vt, Uy, len(y), lam)) > 16)
    return (f"{number(dof, 1)} of {len(s)} degrees of freedom are left. Leave-one-out error {number(error, 3)}; "
            f"the smallest is {number(loo_mse(U, s, Uy, y, best), 3)}."
            + (f" {outside} of the weights {'are' if outside > 1 else 'is'} off the chart in B." if outside else ""))


def shrinkage():
    """A polynomial of degree 9 through 14 points: the penalty moves curve, weights and filter factors together."""
    import matplotlib.pyplot as plt

    rng = np.random.default_rng(1)
    x = np.sort(rng.uniform(0, 1, 14)).round(4)
    y_raw = (0.8 * np.sin(2 * np.pi * x) + 0.4 * x + 0.25 * rng.standard_normal(14)).round(4)
    grid = np.linspace(0, 1, 101)
    truth = 0.8 * np.sin(2 * np.pi * grid) + 0.4 * grid
    powers, level = x[:, None] ** np.arange(1, 10), y_raw.mean()
    mean, std = powers.mean(axis=0), powers.std(axis=0)
    X, y, features = (powers - mean) / std, y_raw - level, (grid[:, None] ** np.arange(1, 10) - mean) / std
    U, s, Vt = np.linalg.svd(X, full_matrices=False)
    signs = np.sign(Vt[np.arange(9), np.abs(Vt).argmax(axis=1)])  # v and -v are the same direction: choose one
    # What is written into the page must not depend on the machine, and the last directions are known to 1e-10.
    U, s, Vt = (U * signs).round(6), s.round(9), (Vt * signs[:, None]).round(6)
    Uy, steps = (U.T @ y).round(6), np.linspace(*RANGE, 86)
    path = ridge_path(X, y, 10**steps, centered=True)
    best = steps[path.loo_mse.argmin()].round(1)
    w = coefficients(s, Vt, Uy, len(y), 10**best)

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(7, 2.7), layout="constrained")
    left.plot(grid, truth, "k--", lw=1.2)
    left.plot(grid, level + features @ w, color=COLORS["l2"])
    left.plot(x, y_raw, "o", color=COLORS["data"], ms=4)
    left.text(0.5, 0.97, "— fit", color=COLORS["l2"], va="top", transform=left.transAxes)
    left.text(0.5, 0.88, "╌ truth", va="top", transform=left.transAxes)
    left.set(xlabel="x", ylim=(-1.6, 1.8))
    middle.plot(steps, path.coefs, color=COLORS["l2"], lw=1)
    middle.plot([best] * 9, w, "o", color=COLORS["l2"], ms=4)
    for power, value in enumerate(w, 1):
        if power != 4:  # its name would stand on that of the ninth
            middle.text(best + 0.2, value, f"$x^{power}$" if power > 1 else "$x$", va="center", fontsize=8)
    middle.set(xlabel=r"$\log_{10}\lambda$", ylim=(-16, 16))
    strengths, across = np.log10(s**2 / len(y)), np.linspace(-15, 2, 81)
    right.plot(across, filter_factors(10 ** (across / 2), 1, 10**best), color=COLORS["l2"])
    right.plot(strengths, filter_factors(s, len(y), 10**best), "o", color=COLORS["l2"], ms=5)
    right.set(xlabel=r"$\log_{10}s_i^2/n$", ylim=(0, 1.08), yticks=[0, 0.5, 1], xticks=[-12, -8, -4, 0])
    for ax in (middle, right):
        ax.axvline(best, color="black", lw=1.2)
    for ax, letter, ylabel in ((left, "A", "y"), (middle, "B", "nine weights"), (right, "C", "filter factor")):
        head(ax, letter, ylabel)
    return Explorable(
        "shrinkage",
        {"best": best, "x": x, "y": y.round(8), "level": level.round(8), "grid": grid.round(4),
         "features": features.round(8), "truth": truth.round(4), "U": U, "s": s, "Vt": Vt, "Uy": Uy, "range": RANGE},
        fallback=figure,
        alt="A: a polynomial of degree nine through fourteen gray points stays close to the dashed true curve. B: its "
            "nine weights against the penalty, wild at small penalties and close to zero at large ones; a line marks "
            "the penalty with the smallest leave-one-out error. C: the filter factors rise from zero for the weak "
            "directions to one for the strong, and are one half where the direction is as strong as the penalty.")
