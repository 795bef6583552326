"""Ridge regression on a polynomial: the numbers behind `shrinkage.mjs`."""

import numpy as np

from book_utils.explorables._element import Explorable
from book_utils.explorables._text import number
from book_utils.linear import ridge_path
from book_utils.style import COLORS

RANGE, START = (-8.0, 0.5), -6.5  # log10 of the penalty


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
            + (f" {outside} of the weights {'are' if outside > 1 else 'is'} off the chart." if outside else ""))


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
    best, w = steps[path.loo_mse.argmin()].round(1), coefficients(s, Vt, Uy, len(y), 10**START)

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(7, 2.7), layout="constrained")
    left.plot(grid, truth, "k--", lw=1.2)
    left.plot(grid, level + features @ w, color=COLORS["l2"])
    left.plot(x, y_raw, "o", color=COLORS["data"], ms=4)
    left.set(xlabel="x", ylabel="y", ylim=(-1.6, 1.8))
    middle.plot(steps, path.coefs, color=COLORS["l2"], lw=1)
    middle.axvline(START, color="black")
    middle.set(xlabel=r"$\log_{10}\lambda$", ylabel="weights", ylim=(-16, 16))
    right.bar(np.arange(1, 10), filter_factors(s, len(y), 10**START), color=COLORS["l2"])
    right.set(xlabel="direction i", ylabel="filter factor", xticks=[1, 3, 5, 7, 9])
    return Explorable(
        "shrinkage",
        {"start": START, "best": best, "x": x, "y": y.round(8), "level": level.round(8), "grid": grid.round(4),
         "features": features.round(8), "truth": truth.round(4), "U": U, "s": s, "Vt": Vt, "Uy": Uy, "range": RANGE},
        fallback=figure,
        alt="Left: a polynomial of degree nine wiggles through fourteen gray points, away from the dashed true curve. "
            "Middle: its nine weights against the penalty, wild at small penalties and close to zero at large ones. "
            "Right: the filter factors, one for the first directions and zero for the last.")
