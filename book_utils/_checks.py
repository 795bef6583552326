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
    for name, array in (("X", X), ("y", y)):
        if not np.isfinite(array).all():
            where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
            raise ValueError(f"{name}{list(where)} is {array[where]}: remove or impute values that are not finite.")
    return X, y


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
