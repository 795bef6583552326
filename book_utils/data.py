"""The data sets of the book, each as a frozen `Split` into training and test rows.

Nothing is scaled, so that a chapter can say what scaling changes. Splits are drawn with NumPy's Generator,
whose stream is the same on every machine.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Split:
    """Training and test rows of one data set.

    X_train (n, d), y_train (n,), X_test (m, d), y_test (m,); `feature_names` holds d names.
    """

    X_train: np.ndarray
    y_train: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    feature_names: tuple[str, ...] = ()


def diabetes(*, n_train=342, seed=0):
    """442 diabetes patients, 10 measurements each, and how far the disease progressed in a year.

    Parameters
    ----------
    n_train : int
        Patients to train on, 1 to 441; the rest are for testing.
    seed : int
        Draws the split.

    Returns
    -------
    Split
        In the units of the measurements: age in years, sex (1 or 2), body mass index in kg/m², mean blood
        pressure in mm Hg, six blood serum values. The target is a score of progression, 25 to 346.

    Raises
    ------
    ValueError
        If `n_train` leaves no patient to train on or none to test.

    Notes
    -----
    Efron, Hastie, Johnstone & Tibshirani (2004), *Least angle regression*, Annals of Statistics 32.
    It comes with scikit-learn: no download.

    Examples
    --------
    >>> diabetes().X_train.shape
    (342, 10)
    """
    from sklearn.datasets import load_diabetes

    bunch = load_diabetes(scaled=False)
    if not 1 <= n_train < len(bunch.target):
        raise ValueError(f"n_train must lie between 1 and {len(bunch.target) - 1}, not {n_train}.")
    order = np.random.default_rng(seed).permutation(len(bunch.target))
    train, test = order[:n_train], order[n_train:]
    names = ("age", "sex", "bmi", "blood pressure", "total cholesterol", "ldl", "hdl", "chol/hdl", "log triglycerides",
             "glucose")
    return Split(bunch.data[train], bunch.target[train], bunch.data[test], bunch.target[test], names)
