"""Coordinate descent for the lasso, with what makes it fast: the engine of `book_utils.linear.lasso_path`.

The chapter on the lasso writes the plain algorithm and its certificate in twenty lines; this one gives the same
weights. It adds three shortcuts: only the features in play are visited (the active set), every problem starts
where the one before it ended (the warm start), and once the signs have come to rest linear equations end it.
"""

import warnings

import numpy as np
from scipy.linalg import orth

TOLERANCE = 1e-12  # duality gap, relative to the loss of w = 0
MAX_ROUNDS = 100  # for each lam
PATIENCE = 5  # rounds in a row that do not lower the loss


def duality_gap(w, c, mean_square, lam):
    """How far J(w) can be from its minimum: (1-s)²/2 · ||r||²/n + Σ (lam |w_j| - s w_j c_j).

    c (d,) = Xᵀr/n for the residual r, mean_square = ||r||²/n. No term is negative, so nothing cancels.
    """
    s = min(1.0, lam / max(abs(c).max(), lam))  # s r is feasible for the dual problem
    return (1 - s) ** 2 / 2 * mean_square + np.sum(lam * abs(w) - s * w * c)


def sweeps(G, c, w, lam, limit):
    """Coordinate descent on a few features, in place, until no sign changes in a sweep, at most `limit` times.

    G (a, a) is their Gram matrix over n, c (a,) = Xᵀr/n, w (a,) their weights.
    """
    diagonal, rows, weights = G.diagonal().tolist(), list(G), w.tolist()
    for _ in range(limit):
        settled = True
        for j, (g, row, old) in enumerate(zip(diagonal, rows, weights, strict=True)):
            z = c.item(j) + g * old
            new = (z - lam if z > lam else z + lam if z < -lam else 0.0) / g  # S(z, lam) / G_jj
            if new != old:
                c -= (new - old) * row
                weights[j] = new
                settled = settled and (new > 0) == (old > 0) and (new < 0) == (old < 0)
        if settled:
            break
    w[:] = weights


def settle(G, c, w, lam):
    """From w to the minimum of J over the weights that are not zero, dropping those that reach zero on the way.

    While no sign changes J is quadratic, so one linear solve finds its minimum; where a weight changes sign
    before, the step ends there and the next one does without it. The 1e-14 keeps the equations solvable where
    features repeat each other, and the step still lowers J.
    """
    c, w = c.copy(), w.copy()
    while w.any():
        S = np.flatnonzero(w)
        G_S, slope = G[np.ix_(S, S)], c[S] - lam * np.sign(w[S])
        step = np.linalg.solve(G_S + 1e-14 * np.diag(G_S.diagonal()), slope)
        crosses = np.sign(w[S] + step) != np.sign(w[S])
        share = np.divide(-w[S], step, out=np.ones(len(S)), where=crosses)  # of the step, until w_j = 0
        first = share.argmin()
        step *= share[first]
        w[S], c = w[S] + step, c - step @ G[S]
        if not crosses.any():
            break
        w[S[first]] = 0.0
    return w


class CoordinateDescent:
    """Lasso problems with one X and y and falling lam, each starting where the one before it ended."""

    def __init__(self, X, y):
        (self.n, d), self.limit = X.shape, TOLERANCE * (y @ y) / (2 * len(y))
        self.lam_max = abs(X.T @ y).max() / self.n
        sizes = np.linalg.norm(X, axis=0)
        usable = sizes**2 > np.finfo(float).tiny  # else nothing can be divided by the column's square
        # What of y no feature can explain changes no weight, but its rounding would hide a small lam: leave it out.
        Q = orth(X * usable / np.where(usable, sizes, 1))
        self.X, self.y, self.w = Q.T @ X * usable, Q.T @ y, np.zeros(d)
        self.gram = self.gram_of(slice(None)) if d <= self.n else None  # else only the active features' part of it

    def gram_of(self, A):
        """The Gram matrix of the features A over n."""
        return self.X[:, A].T @ self.X[:, A] / self.n

    def state(self, lam):
        """c (d,) = Xᵀr/n for the residual r, the loss J and its duality gap, all at the present weights."""
        A = np.flatnonzero(self.w)
        r = self.y - self.X[:, A] @ self.w[A]
        c, mean_square = self.X.T @ r / self.n, r @ r / self.n
        return c, mean_square / 2 + lam * abs(self.w).sum(), duality_gap(self.w, c, mean_square, lam)

    def minimize(self, lam):
        """The weights for lam > 0, certified; a warning if rounding, or features that repeat others, prevent that."""
        w, stalled = self.w, 0
        if lam >= self.lam_max * (1 - 1e-12):  # up to rounding, lam is lam_max or more
            return np.zeros_like(w)
        c, J, gap = self.state(lam)
        for _ in range(MAX_ROUNDS):
            A = np.flatnonzero((w != 0) | (abs(c) > lam))
            G = self.gram_of(A) if self.gram is None else self.gram[np.ix_(A, A)]
            c_A, w_A = c[A], w[A]
            sweeps(G, c_A, w_A, lam, 10)
            w[A] = settle(G, c_A, w_A, lam)
            before, (c, J, gap) = J, self.state(lam)
            if gap <= self.limit:
                return w.copy()
            stalled = 0 if J < before - self.limit / 100 else stalled + 1
            if stalled == PATIENCE:
                break
        warnings.warn(f"lasso with lam = {lam} stopped at a duality gap of {gap:.1e}: standardize the columns, remove "
                      "those that repeat others, or take a larger lam.", RuntimeWarning, stacklevel=3)
        return w.copy()
