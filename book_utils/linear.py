"""Linear models in closed form: the functions of the chapters on penalties.

The loss is always J(w) = 1/(2n) ||y - Xw||² + penalty, and no function fits an intercept.
"""

import numpy as np

from book_utils._descent import CoordinateDescent


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


def _checked_lam(lam):
    if not (np.ndim(lam) == 0 and 0 <= lam < np.inf):
        raise ValueError(f"lam must be a finite number that is at least 0, not {lam}.")
    return float(lam)


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
    lam = _checked_lam(lam)
    U, s, Vt = np.linalg.svd(X, full_matrices=False)
    keep = s > max(X.shape) * np.finfo(float).eps * s[0]
    U, s, Vt = U[:, keep], s[keep], Vt[keep]
    # w = sum_i s_i / (s_i² + n lam) (u_iᵀ y) v_i
    return Vt.T @ (s / (s**2 + len(X) * lam) * (U.T @ y))


def soft_threshold(z, t):
    """Move every number toward zero by t, and what is within t of zero to exactly zero.

    S(z, t) = sign(z) max(|z| - t, 0), the minimizer over w of (w - z)²/2 + t |w|.

    Parameters
    ----------
    z : array or float
        Any shape.
    t : array or float
        At least 0; its shape fits that of z by broadcasting.

    Returns
    -------
    array or float
        Of the broadcast shape.

    Raises
    ------
    ValueError
        If t is negative or nan anywhere.

    Notes
    -----
    Donoho & Johnstone (1994), *Ideal spatial adaptation by wavelet shrinkage*, Biometrika 81.

    Examples
    --------
    >>> soft_threshold([-3, -0.5, 0.5, 3], 1)
    array([-2.,  0.,  0.,  2.])
    """
    z, t = np.asarray(z, dtype=float), np.asarray(t, dtype=float)
    if not (t >= 0).all():
        raise ValueError(f"t must be at least 0, not {t[~(t >= 0)].flat[0]}.")
    return z - np.clip(z, -t, t)  # not sign(z) * max(...), which makes zeros negative


def lasso(X, y, lam):
    """Lasso by coordinate descent, stopped by the duality gap.

    Minimizes J(w) = 1/(2n) ||y - Xw||² + lam ||w||₁.

    Parameters
    ----------
    X : (n, d) array
        One row an observation, one column a feature.
    y : (n,) array
        Targets.
    lam : float
        Strength of the penalty, at least 0. The same weights as scikit-learn's
        ``Lasso(alpha=lam, fit_intercept=False)``.

    Returns
    -------
    (d,) array
        Weights; those of features that are not used are exactly 0.

    Raises
    ------
    ValueError
        If shapes do not match, an array is empty, a value is not finite, or lam is negative.

    See Also
    --------
    lasso_path : many penalties at once, and how it is computed.

    Examples
    --------
    >>> lasso([[1, 0], [0, 1]], [4, 1], 1.0)
    array([2., 0.])
    """
    X, y = _checked(X, y)
    lam = _checked_lam(lam)
    lam_max = abs(X.T @ y).max() / len(X)
    approach = np.geomspace(lam_max, lam, 10)[1:] if 0 < lam < lam_max else [lam]
    return lasso_path(X, y, approach)[-1]


def lasso_path(X, y, lams):
    """Lasso weights for many penalties, each computed from the next larger one.

    Minimizes J(w) = 1/(2n) ||y - Xw||² + lam ||w||₁ for every lam.

    Parameters
    ----------
    X : (n, d) array
        One row an observation, one column a feature.
    y : (n,) array
        Targets.
    lams : (k,) array
        Penalties in any order, each at least 0.

    Returns
    -------
    (k, d) array
        One row of weights for each penalty, in the order of `lams`. From lam = max |Xᵀy| / n on, all are
        exactly 0. The weights for lam = 0 are those of `lstsq`, the shortest minimizer. Where features
        repeat each other several w can have the smallest J; one of them is returned.

    Raises
    ------
    ValueError
        If shapes do not match, an array is empty, a value is not finite, or a penalty is negative.

    Warns
    -----
    RuntimeWarning
        If J(w) could not be certified to be within 1e-12 ||y||²/(2n) of its minimum.

    Notes
    -----
    Coordinate descent with the Gram matrix on an active set (Friedman, Hastie & Tibshirani 2010, *Regularization
    paths for generalized linear models*, J. Stat. Software 33). When its signs come to rest, the linear equations
    of the weights that are not zero give these to full precision; the duality gap over all features decides.

    Examples
    --------
    >>> lasso_path([[1, 0], [0, 1]], [4, 1], [0.25, 1, 2])
    array([[3.5, 0.5],
           [2. , 0. ],
           [0. , 0. ]])
    """
    X, y = _checked(X, y)
    lams = np.asarray(lams, dtype=float)
    if lams.ndim != 1 or lams.size == 0:
        raise ValueError(f"lams must have shape (k,) with at least one penalty, not {lams.shape}; "
                         "for one penalty use lasso.")
    for lam in lams:
        _checked_lam(lam)
    descent = CoordinateDescent(X, y)
    coefs = np.empty((len(lams), X.shape[1]))
    for i in np.argsort(-lams, kind="stable"):
        coefs[i] = descent.minimize(lams[i]) if lams[i] > 0 else lstsq(X, y)
    return coefs
