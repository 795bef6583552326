"""Linear models to full precision, in NumPy: least squares, ridge, lasso and their paths.

The loss is always J(w) = 1/(2n) ||y - Xw||² + penalty, and no function fits an intercept. The lasso's engine is
`book_utils._coordinate_descent`; penalties on the weights of a torch model are in `book_utils.penalties`.
"""

from dataclasses import dataclass

import numpy as np

from book_utils._checks import (
    checked_data,
    checked_finite,
    checked_flag,
    checked_lams,
    checked_nonnegative,
    real_array,
)
from book_utils._coordinate_descent import CoordinateDescent


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
    X, y = checked_data(X, y)
    lam = checked_nonnegative("lam", lam)
    U, s, Vt = _svd(X)
    # w = sum_i s_i / (s_i² + n lam) (u_iᵀ y) v_i, where n lam itself could overflow
    return Vt.T @ (s / len(X) / (s**2 / len(X) + lam) * (U.T @ y))


def _centered(name, a):
    """An array without what rounding left of its means, or a ValueError if they are more than that."""
    means, sizes = np.atleast_1d(a.mean(axis=0)), np.atleast_1d(abs(a).max(axis=0))
    # A constant column that was centered is all rounding: nothing beside the others.
    off = abs(means) > np.maximum(1e-4 * sizes, len(a) * np.finfo(float).eps * sizes.max())
    if off.any():
        raise ValueError(f"centered=True, but the mean of {name} is {means[off][0]:.3g} where its largest entry is "
                         f"{sizes[off][0]:.3g}: subtract the mean of each column and that of y first.")
    return a - a.mean(axis=0)


def _outside(Q, y, noise):
    """(I - QQᵀ)y and the diagonal of I - QQᵀ, (n,) each; exactly 0 in rows where that is rounding, `noise` (n,)."""
    residual, room = y - Q @ (Q.T @ y), 1 - np.square(Q).sum(axis=1)
    close = np.flatnonzero(room < 1e-4)  # where digits cancel: form these columns of I - QQᵀ
    P = -Q @ Q[close].T
    P[close, np.arange(len(close))] += 1
    P *= np.linalg.norm(P, axis=0) > noise[close]
    residual[close], room[close] = y @ P, np.square(P).sum(axis=0)
    return residual, room


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
    (y_i - ŷ_i) / (1 - h_ii) is Allen's PRESS (1974), Technometrics 16, with 1 - h_ii - 1/n if centered. Where it is
    0/0 (lam = 0 and a row that alone determines a direction) its limit for lam → 0 stands.

    Examples
    --------
    >>> path = ridge_path([[1.0], [1.0]], [1.0, 3.0], [0.0, 1.0])
    >>> path.coefs[:, 0], path.loo_mse.round(2), path.dof
    (array([2., 1.]), array([4.  , 3.56]), array([1. , 0.5]))
    """
    X, y = checked_data(X, y)
    lams, n = checked_lams(lams)[:, None], len(X)
    if n < 2:
        raise ValueError("Leaving one out needs at least two rows, not 1.")
    if checked_flag("centered", centered):
        X, y = _centered("X", X), _centered("y", y)
    U, s, Vt = _svd(X)
    power, Uy = s**2 / n, U.T @ y
    filters = power / (power + lams)  # (k, r)
    # Residual and 1 - h_ii: the part outside the span of X, plus what the filters take away. Of the latter
    # `common` (k, 1) is a factor that a row inside the span has in both, so that it cancels, also in the limit 0.
    smallest = power.min(initial=np.inf)
    common, taken = lams / (lams + smallest), (lams + smallest) / (lams + power)
    if centered:  # of a small singular value, rounding of the mean is not small
        U = U - U.mean(axis=0)
    Q = np.column_stack([U, np.full(n, n**-0.5)]) if centered else U
    noise = max(X.shape) * np.finfo(float).eps * np.linalg.norm(U * (s.max(initial=0) / s), axis=1)
    outside, room = _outside(Q, y, noise)
    common = np.where(room > 0, common, 1)  # (k, n)
    one_minus_h = room + common * (taken @ np.square(U).T)
    errors = (outside + common * (taken * Uy @ U.T)) / one_minus_h
    return RidgePath(filters / s * Uy @ Vt, np.mean(errors**2, axis=1), filters.sum(axis=1))


def soft_threshold(z, t):
    """Move every number toward zero by t, and what is within t of zero to exactly zero.

    S(z, t) = sign(z) ``max(|z| - t, 0)``, the minimizer over w of ``(w - z)²/2 + t |w|``.

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
        If a value of z is not finite, t is negative or nan anywhere, or their shapes do not fit.

    Notes
    -----
    Donoho & Johnstone (1994), *Ideal spatial adaptation by wavelet shrinkage*, Biometrika 81.

    Examples
    --------
    >>> soft_threshold([-3, -0.5, 0.5, 3], 1)
    array([-2.,  0.,  0.,  2.])
    """
    (z,), t = checked_finite(z=z), real_array("t", t)
    if not (t >= 0).all():
        raise ValueError(f"t must be at least 0, not {t[~(t >= 0)].flat[0]}.")
    try:
        np.broadcast_shapes(z.shape, t.shape)
    except ValueError:
        raise ValueError(f"t of shape {t.shape} does not fit z of shape {z.shape}: pass one number, or one for each "
                         "entry of z.") from None
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
    X, y = checked_data(X, y)
    lam = checked_nonnegative("lam", lam)
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
        One row of weights for each penalty, in the order of `lams`. From ``lam = max |Xᵀy| / n`` on, all are
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
    X, y = checked_data(X, y)
    lams = checked_lams(lams)
    descent = CoordinateDescent(X, y)
    coefs = np.empty((len(lams), X.shape[1]))
    for i in np.argsort(-lams, kind="stable"):
        coefs[i] = descent.minimize(lams[i]) if lams[i] > 0 else lstsq(X, y)
    return coefs
