"""What is asked of arguments at the public doors: checks that several modules share."""

import numpy as np


def checked(X, y):
    """X (n, d) and y (n,) as float64 arrays, or a ValueError that says what to change."""
    X, y = np.asarray(X, dtype=float), np.asarray(y, dtype=float)
    if X.ndim != 2 or 0 in X.shape:
        raise ValueError(f"X must have shape (n, d) with at least one row and one column, not {X.shape}; "
                         "for one feature use X[:, None].")
    if y.shape != (len(X),):
        raise ValueError(f"y must have shape ({len(X)},), one target for each row of X, not {y.shape}.")
    return tuple(checked_finite(X=X, y=y))


def checked_lam(lam):
    """The penalty as a float, or a ValueError."""
    if not (np.ndim(lam) == 0 and 0 <= lam < np.inf):
        raise ValueError(f"lam must be a finite number that is at least 0, not {lam}.")
    return float(lam)


def checked_lams(lams):
    """Penalties (k,) as float64, or a ValueError."""
    lams = np.asarray(lams, dtype=float)
    if lams.ndim != 1 or lams.size == 0:
        raise ValueError(f"lams must have shape (k,) with at least one penalty, not {lams.shape}; for one "
                         "penalty write [lam].")
    for lam in lams:
        checked_lam(lam)
    return lams


def checked_p(p):
    """The probability of dropping as a float, or a ValueError."""
    if not (np.ndim(p) == 0 and np.isreal(p) and 0 <= p < 1):
        raise ValueError(f"p must be a probability of dropping with 0 <= p < 1, not {p}; if you have a probability "
                         "of keeping, pass 1 minus it.")
    return float(p)


def checked_finite(**arrays):
    """Arrays as float64, in the order given, or a ValueError that names the first value that is not finite."""
    checked_arrays = []
    for name, array in arrays.items():
        array = np.asarray(array, dtype=float)
        if not np.isfinite(array).all():
            where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
            raise ValueError(f"{name}{list(where) or ''} is {array[where]}: remove or impute values that are not "
                             "finite.")
        checked_arrays.append(array)
    return checked_arrays
