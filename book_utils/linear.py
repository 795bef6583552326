"""Linear models in closed form: the functions of the chapters on penalties.

The loss is always J(w) = 1/(2n) ||y - Xw||² + penalty, and no function fits an intercept.
"""

from dataclasses import dataclass

import numpy as np


def _checked(X, y):
    """X (n, d) and y (n,) as float64 arrays, or a ValueError that says what to change."""
    X, y = np.asarray(X, dtype=float), np.asarray(y, dtype=float)
    if X.ndim != 2 or 0 in X.shape:
        raise ValueError(f"X must have shape (n, d) with at least one row and one column, not {X.shape}; "
                         "for one feature use X[:, None].")
    if y.shape != (len(X),):
        raise ValueError(f"y must have shape ({len(X)},), one target for each row of X, not {y.shape}.")
    for name, array in (("X", X), ("y", y)):
        if not np.isfinite(array).all():
            where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
            raise ValueError(f"{name}{list(where)} is {array[where]}: remove or impute values that are not finite.")
    return X, y


def _svd(X):
    """U (n, r), s (r,), Vt (r, d) with the singular values that are not zero up to rounding."""
    U, s, Vt = np.linalg.svd(X, full_matrices=False)
    keep = s > max(X.shape) * np.finfo(float).eps * s[0]
    return U[:, keep], s[keep], Vt[keep]


def lstsq(X, y):
    """Least squares by singular value decomposition: the minimum-norm solution.

    Minimizes 1/(2n) ||y - Xw||². Where many w do (rank of X below d), returns the one of smallest
    Euclidean norm, w = X⁺y with the Moore–Penrose pseudoinverse X⁺.

    Parameters
    ----------
    X : (n, d) array
        One row an observation, one column a feature.
    y : (n,) array
        Targets.

    Returns
    -------
    (d,) array
        Weights, in units of y per unit of the feature.

    Raises
    ------
    ValueError
        If shapes do not match, an array is empty, or a value is not finite.

    Notes
    -----
    Golub & Van Loan, *Matrix Computations*, 4th ed., section 5.5. Singular values up to
    max(n, d) · machine epsilon · s₁ count as zero, as in numpy.linalg.lstsq.

    Examples
    --------
    Two copies of one feature: nothing in the data divides the weight between them, so it is shared.

    >>> lstsq([[1, 1], [2, 2]], [2, 4]).round(3)
    array([1., 1.])
    """
    return ridge(X, y, 0)


def ridge(X, y, lam):
    """Ridge regression by singular value decomposition.

    Minimizes J(w) = 1/(2n) ||y - Xw||² + lam/2 ||w||²; without a penalty, the minimum-norm solution of
    least squares.

    Parameters
    ----------
    X : (n, d) array
        One row an observation, one column a feature.
    y : (n,) array
        Targets.
    lam : float
        Strength of the penalty, at least 0. The same weights as scikit-learn's ``Ridge(alpha=n * lam)``.

    Returns
    -------
    (d,) array
        Weights, in units of y per unit of the feature.

    Raises
    ------
    ValueError
        If shapes do not match, an array is empty, a value is not finite, or lam is negative.

    Notes
    -----
    Hoerl & Kennard (1970), *Ridge regression*, Technometrics 12.

    Examples
    --------
    >>> ridge([[1], [1]], [1, 3], 1.0)
    array([1.])
    """
    X, y = _checked(X, y)
    if not 0 <= lam < np.inf:
        raise ValueError(f"lam must be a finite number that is at least 0, not {lam}.")
    U, s, Vt = _svd(X)
    # w = sum_i s_i / (s_i² + n lam) (u_iᵀ y) v_i
    return Vt.T @ (s / (s**2 + len(X) * lam) * (U.T @ y))


@dataclass(frozen=True)
class RidgePath:
    """Ridge regression at each of k penalties: coefs (k, d), loo_mse (k,), dof (k,)."""

    coefs: np.ndarray
    loo_mse: np.ndarray
    dof: np.ndarray


def ridge_path(X, y, lams):
    """Ridge regression at many penalties, with exact leave-one-out errors, from one decomposition.

    Parameters
    ----------
    X : (n, d) array
    y : (n,) array
    lams : (k,) array
        Penalties, at least 0, in any order; results follow it.

    Returns
    -------
    RidgePath
        ``coefs (k, d)``, the weights of `ridge`; ``loo_mse (k,)``, the mean squared error of predicting each row
        from the others (in squared units of y); ``dof (k,)``, the trace of the hat matrix.

    Raises
    ------
    ValueError
        As `ridge`, or if there is no penalty or only one row.

    Notes
    -----
    Leaving a row out keeps the total penalty n·lam, as scikit-learn's `RidgeCV` does. The shortcut
    (y_i - ŷ_i) / (1 - h_ii) is Allen's PRESS (1974), Technometrics 16; rows that alone determine a direction,
    where it is 0/0, are refitted.

    Examples
    --------
    >>> path = ridge_path([[1.0], [1.0]], [1.0, 3.0], [0.0, 1.0])
    >>> path.coefs[:, 0], path.loo_mse.round(2), path.dof
    (array([2., 1.]), array([4.  , 3.56]), array([1. , 0.5]))
    """
    X, y = _checked(X, y)
    lams = np.asarray(lams, dtype=float)
    if lams.ndim != 1 or lams.size == 0 or not ((lams >= 0) & (lams < np.inf)).all():
        raise ValueError(f"lams must be a list of one or more finite numbers that are at least 0, not {lams}.")
    n = len(X)
    if n < 2:
        raise ValueError("Leaving one out needs at least two rows, not 1.")
    U, s, Vt = _svd(X)
    filters = s**2 / (s**2 + n * lams[:, None])  # (k, r)
    Uy = U.T @ y
    coefs = filters / s * Uy @ Vt
    # residual and 1 - h_ii, each as the part outside the span plus what the filters take away: no cancellation
    lost = n * lams[:, None] / (s**2 + n * lams[:, None])
    if len(s) == n:  # nothing is outside, and the common factor n·lam cancels in the ratio, also in the limit 0
        lost, outside, outside_h = 1 / (s**2 + n * lams[:, None]), 0, 0
    else:
        outside, outside_h = y - U @ Uy, 1 - np.square(U).sum(axis=1)
    residuals = outside + lost * Uy @ U.T  # (k, n)
    left = outside_h + lost @ np.square(U).T
    alone = left < 1e-10  # row i alone determines a direction: without it the rank falls
    errors = residuals / np.where(alone, 1, left)
    for k, i in np.argwhere(alone & (len(s) < n)):
        rest = np.arange(n) != i
        errors[k, i] = y[i] - X[i] @ ridge(X[rest], y[rest], lams[k] * n / (n - 1))
    return RidgePath(coefs, np.mean(errors**2, axis=1), filters.sum(axis=1))
