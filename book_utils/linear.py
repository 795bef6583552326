"""Linear models in closed form: the functions of the chapters on penalties.

The loss is always J(w) = 1/(2n) ||y - Xw||² + penalty, and no function fits an intercept.
"""

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
    U, s, Vt = np.linalg.svd(X, full_matrices=False)
    keep = s > max(X.shape) * np.finfo(float).eps * s[0]
    U, s, Vt = U[:, keep], s[keep], Vt[keep]
    # w = sum_i s_i / (s_i² + n lam) (u_iᵀ y) v_i
    return Vt.T @ (s / (s**2 + len(X) * lam) * (U.T @ y))
