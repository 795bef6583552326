"""What is asked of arguments at the public doors: checks that several modules share.

Each takes the argument's name and value, and gives the value back as the caller computes with it, or raises a
ValueError of one sentence that quotes it and says the remedy. A check that one module alone makes stays there.
"""

import numbers

import numpy as np


def shown(value):
    """A value as one short line, for a message."""
    if hasattr(value, "shape") and np.ndim(value):  # np.ndim alone fails on rows of unequal length
        return f"an array of shape {tuple(value.shape)}"
    text = " ".join(repr(value.item() if isinstance(value, np.generic) else value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def checked_number(name, value, what, holds):
    """A single real number as a float if it `holds`, or a ValueError that says what it must be."""
    if hasattr(value, "item") and np.ndim(value) == 0:  # of NumPy or torch
        value = value.item()
    if not isinstance(value, numbers.Real) or not holds(value):
        raise ValueError(f"{name} must be {what}, not {shown(value)}.")
    return float(value)


def checked_count(name, value, low, high=None, note=""):
    """A whole number from low to high as an int, or a ValueError."""
    span = f"that is at least {low}" if high is None else f"between {low} and {high}"
    checked_number(name, value, f"a whole number {span}{note}",
                   lambda v: low <= v <= (np.inf if high is None else high) and v < np.inf and v == int(v))
    return int(value)


def checked_flag(name, value):
    """True or False, or a ValueError."""
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name} must be True or False, not {shown(value)}.")
    return bool(value)


def checked_p(p):
    """The probability of dropping as a float, or a ValueError."""
    return checked_number("p", p, "a probability of dropping with 0 <= p < 1 (1 minus it, if you have a probability of "
                          "keeping)", lambda v: 0 <= v < 1)


def checked_nonnegative(name, value):
    """A finite number that is at least 0 as a float, or a ValueError."""
    return checked_number(name, value, "a finite number that is at least 0", lambda v: 0 <= v < np.inf)


def checked_lams(lams):
    """Penalties (k,) as float64, or a ValueError."""
    lams = real_array("lams", lams)
    if lams.ndim != 1 or lams.size == 0:
        raise ValueError(f"lams must have shape (k,) with at least one penalty, not {lams.shape}; for one "
                         "penalty write [lam].")
    for lam in lams:
        checked_nonnegative("lam", lam)
    return lams


def real_array(name, value):
    """Anything array-like of real numbers as float64, or a ValueError."""
    if isinstance(value, np.ma.MaskedArray):
        raise ValueError(f"{name} is a masked array, whose mask would be ignored: pass {name}.filled(0), or leave the "
                         "masked rows out.")
    if hasattr(value, "tocsr") or getattr(value, "is_sparse", False):  # of SciPy, of torch
        raise ValueError(f"{name} is sparse, and these functions take dense arrays: pass {name}.toarray(), or "
                         f"{name}.to_dense() in torch.")
    try:
        if hasattr(value, "detach"):  # a tensor; NumPy has no bfloat16
            value = value.detach().cpu()
            value = value if value.is_complex() else value.double()
        array = np.asarray(value)
        if array.dtype.kind == "O" and hasattr(value, "to_numpy"):  # a data frame with bool or nullable columns
            array = value.to_numpy(dtype=float, na_value=np.nan)
        if array.dtype.kind not in "buif":
            raise TypeError
        return array.astype(float, copy=False)
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"{name} must hold real numbers in rows of equal length, not {shown(value)}.") from None


def checked_finite(**arrays):
    """Arrays as float64, in the order given, or a ValueError that names the first value that cannot be used."""
    checked_arrays = []
    for name, value in arrays.items():
        array = real_array(name, value)
        if not np.isfinite(array).all():
            where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
            raise ValueError(f"{name}{list(where) or ''} is {array[where]}: remove or impute values that are not "
                             "finite.")
        checked_arrays.append(array)
    return checked_arrays


def checked_factors(**arrays):
    """The same for arrays that are multiplied: also refuse numbers whose products would overflow or vanish."""
    for name, array in zip(arrays, factors := checked_finite(**arrays), strict=True):
        largest = np.abs(array).max(initial=0)
        if largest and not 1e-70 <= largest <= 1e70:
            raise ValueError(f"The largest number in {name} is {largest:.0e}: choose a unit in which it lies between "
                             "1e-70 and 1e70, so that products can be computed.")
    return factors


def checked_rows(X):
    """X (n, d) as a float64 array, or a ValueError that says what to change."""
    (X,) = checked_factors(X=X)
    if X.ndim != 2 or 0 in X.shape:
        raise ValueError(f"X must have shape (n, d) with at least one row and one column, not {X.shape}; "
                         "for one feature use X[:, None].")
    return X


def checked_data(X, y):
    """X (n, d) and y (n,) as float64 arrays, or a ValueError that says what to change."""
    X, (y,) = checked_rows(X), checked_factors(y=y)
    if y.shape != (len(X),):
        raise ValueError(f"y must have shape ({len(X)},), one target for each row of X, not {y.shape}.")
    return X, y
