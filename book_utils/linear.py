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
    if len(X) < X.shape[1]:  # LAPACK is a third faster on a tall matrix
        V, s, Ut = np.linalg.svd(X.T, full_matrices=False)
        U, Vt = Ut.T, V.T
    else:
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


def _is_centered(a):
    return np.all(np.abs(a.mean(axis=0)) <= 1e-9 * (1 + np.abs(a).max(axis=0)))


@dataclass(frozen=True)
class RidgePath:
    """Ridge regression at each of k penalties: coefs (k, d), loo_mse (k,), dof (k,)."""

    coefs: np.ndarray
    loo_mse: np.ndarray
    dof: np.ndarray


def ridge_path(X, y, lams, *, centered=False):
    """Ridge regression at many penalties, with exact leave-one-out errors, from one decomposition.

    Parameters
    ----------
    X : (n, d) array
    y : (n,) array
    lams : (k,) array
        Penalties, at least 0, in any order; results follow it.
    centered : bool
        Whether X and y were centered by these very rows. Then an intercept was fitted too, and leaving a row
        out also leaves it out of the means.

    Returns
    -------
    RidgePath
        ``coefs (k, d)``, the weights of `ridge`; ``loo_mse (k,)``, the mean squared error of predicting each row
        from the others (in squared units of y); ``dof (k,)``, the trace of the hat matrix.

    Raises
    ------
    ValueError
        As `ridge`, or if there is no penalty, only one row, or `centered` is claimed of data that are not.

    Notes
    -----
    Leaving a row out keeps the total penalty n·lam, as scikit-learn's `RidgeCV` does. The shortcut
    (y_i - ŷ_i) / (1 - h_ii) is Allen's PRESS (1974), Technometrics 16, with 1 - h_ii - 1/n if centered; rows that
    alone determine a direction, where it is 0/0, are refitted.

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
    if centered and not (_is_centered(X) and _is_centered(y)):
        raise ValueError("centered=True, but the means of X and y are not zero: subtract them first.")
    U, s, Vt = _svd(X)
    filters = s**2 / (s**2 + n * lams[:, None])  # (k, r)
    Uy = U.T @ y
    coefs = filters / s * Uy @ Vt
    # residual and 1 - h_ii, each as the part outside the span plus what the filters take away: no cancellation
    lost = n * lams[:, None] / (s**2 + n * lams[:, None])
    if len(s) == n - centered:  # nothing is outside, and the factor n·lam cancels in the ratio, also in the limit 0
        lost, outside, outside_h = 1 / (s**2 + n * lams[:, None]), 0, 0
    else:
        outside, outside_h = y - U @ Uy, 1 - np.square(U).sum(axis=1) - centered / n
    residuals = outside + lost * Uy @ U.T  # (k, n)
    left = outside_h + lost @ np.square(U).T
    alone = left < 1e-10  # row i alone determines a direction: without it the rank falls
    errors = residuals / np.where(alone, 1, left)
    for k, i in np.argwhere(alone & (len(s) < n - centered)):
        A, b = np.delete(X, i, axis=0), np.delete(y, i)
        mean, level = A.mean(axis=0) * centered, b.mean() * centered
        errors[k, i] = y[i] - level - (X[i] - mean) @ ridge(A - mean, b - level, lams[k] * n / (n - 1))
    return RidgePath(coefs, np.mean(errors**2, axis=1), filters.sum(axis=1))
