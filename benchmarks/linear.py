"""How fast the linear models of `book_utils` are beside scikit-learn's, as ratios measured in one process.

Run it with `python benchmarks/linear.py`. One thread, warm, medians of five runs that alternate between the two
sides. Only the ratios mean anything on another machine.
"""

import warnings
from unittest.mock import patch

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import RidgeCV
from sklearn.linear_model import lasso_path as sklearn_lasso_path
from threadpoolctl import threadpool_limits
from timing import median_seconds, seconds

from book_utils import _coordinate_descent
from book_utils.linear import lasso_path, ridge_path

REPEATS = 5


def problems():
    """Names, X, y: the diabetes data, standardized, and random problems of which ten features carry signal."""
    X, y = load_diabetes(return_X_y=True)
    yield "diabetes 442 x 10", X / X.std(axis=0), y - y.mean()
    rng = np.random.default_rng(0)
    for n, d in ((200, 100), (2000, 200), (100, 1000)):
        X = rng.standard_normal((n, d))
        yield f"{n} x {d}", X, X[:, :10] @ rng.standard_normal(10) + rng.standard_normal(n)


def largest_gap(X, y, lams, coefs):
    """The largest duality gap of a path, relative to the loss of w = 0."""
    residuals = y - coefs @ X.T
    gaps = [_coordinate_descent.duality_gap(w, X.T @ r / len(X), r @ r / len(X), lam)
            for w, r, lam in zip(coefs, residuals, lams, strict=True)]
    return max(gaps) / (y @ y / (2 * len(X)))


def ridge_table():
    """`ridge_path` with 100 penalties, leave-one-out errors included, against scikit-learn's `RidgeCV`."""
    print("ridge path with leave-one-out, 100 penalties: how many times faster than scikit-learn's RidgeCV\n")
    print(f"{'':18s}{'times faster':>13s}{'RidgeCV':>12s}")
    for name, X, y in problems():
        lams = np.geomspace(1e-4, 10, 100)

        def book(X=X, y=y, lams=lams):
            return ridge_path(X, y, lams)

        def reference(X=X, y=y, lams=lams):
            return RidgeCV(alphas=len(X) * lams, fit_intercept=False).fit(X, y)

        ours, theirs = median_seconds([book, reference], REPEATS)
        print(f"{name:18s}{theirs / ours:13.1f}{theirs * 1000:9.1f} ms", flush=True)


def lasso_table():
    """`lasso_path` for 100 penalties down to lam_max/1000 against scikit-learn's, both told the same duality gap.

    The column "sweeps only", run once, is `lasso_path` without its linear equations: coordinate descent alone.
    """
    print("lasso path, 100 penalties: time over scikit-learn's compiled lasso_path at the same promised duality gap\n")
    print(f"{'':18s}{'promised':>9s}{'ratio':>8s}{'sweeps only':>13s}{'scikit-learn':>14s}"
          "   gaps reached (book, scikit-learn)")
    for name, X, y in problems():
        lams = abs(X.T @ y).max() / len(X) * np.geomspace(1, 1e-3, 100)
        for tolerance in (1e-4, 1e-8, 1e-12):
            _coordinate_descent.TOLERANCE = tolerance

            def book(X=X, y=y, lams=lams):
                return lasso_path(X, y, lams)

            def sweeps_only(X=X, y=y, lams=lams):
                with (patch.object(_coordinate_descent, "settle", lambda G, c, w, lam: w),
                      patch.object(_coordinate_descent, "MAX_ROUNDS", 10_000),
                      patch.object(_coordinate_descent, "PATIENCE", 10_000)):
                    return lasso_path(X, y, lams)

            def compiled(X=X, y=y, lams=lams, tolerance=tolerance):
                return sklearn_lasso_path(X, y, alphas=lams, tol=tolerance / 2, max_iter=10**6)[1].T

            ours, theirs = median_seconds([book, compiled], REPEATS)
            plain = seconds(sweeps_only)
            gaps = [largest_gap(X, y, lams, fit()) for fit in (book, compiled)]
            print(f"{name:18s}{tolerance:9.0e}{ours / theirs:8.2f}{plain / theirs:13.2f}{theirs * 1000:11.1f} ms"
                  f"   {gaps[0]:.0e}, {gaps[1]:.0e}", flush=True)
    _coordinate_descent.TOLERANCE = 1e-12


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    with threadpool_limits(1):
        ridge_table()
        print()
        lasso_table()
