"""What predictions say of their own error, and whether they may be believed.

Of many passes: what is noise, what the model's own doubt, what a vote gains. Of probabilities and widths: whether
they come true. NumPy alone: it takes the predictions, whatever made them. Making them is `book_utils.mc_dropout`.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import entr, logsumexp, ndtri, softmax

from book_utils._checks import checked_count, checked_factors, checked_finite, checked_number, shown


@dataclass(frozen=True)
class Decomposition:
    """Entropies in nats, one a row: total (n,) = aleatoric (n,) + epistemic (n,)."""

    total: np.ndarray
    aleatoric: np.ndarray
    epistemic: np.ndarray


def decompose(probs):
    """Divide the entropy of a classifier's average prediction into noise and disagreement.

    Parameters
    ----------
    probs : (T, n, C) array
        Class probabilities of T passes for n rows; the last axis sums to 1.

    Returns
    -------
    Decomposition
        `total`: the entropy of the average over passes. `aleatoric`: the average of the passes' entropies.
        `epistemic`: their difference, the mutual information between the prediction and the mask; 0 where all
        passes agree, at most log C.

    Raises
    ------
    ValueError
        If the shape is not (T, n, C), or a row of the last axis is no distribution.

    Notes
    -----
    Depeweg, Hernández-Lobato, Doshi-Velez & Udluft (2018), *Decomposition of uncertainty in Bayesian deep learning*,
    ICML; Houlsby et al. (2011), arXiv:1112.5745.

    Examples
    --------
    Two passes that are each sure, and disagree: all of the doubt is the model's own.

    >>> parts = decompose([[[1.0, 0.0]], [[0.0, 1.0]]])
    >>> float(parts.aleatoric[0]), round(float(parts.epistemic[0]), 3)
    (0.0, 0.693)
    """
    (probs,) = checked_finite(probs=probs)
    if probs.ndim == 3 and probs.shape[-1] == 1:
        raise ValueError(f"probs has one column, of shape {probs.shape}: give the probabilities of both classes, as "
                         "np.concatenate([1 - probs, probs], axis=-1).")
    if probs.ndim != 3 or 0 in probs.shape:
        raise ValueError(f"probs must have shape (T, n, C), passes first, classes last, none empty, not {probs.shape}.")
    sums = probs.sum(axis=-1)
    if probs.min() < 0 or abs(sums - 1).max() > 1e-2:
        raise ValueError("The last axis of probs must hold probabilities that sum to 1, not values from "
                         f"{probs.min():.3g} that sum to between {sums.min():.3g} and {sums.max():.3g}; apply softmax "
                         "to logits first.")
    probs = probs / sums[..., None]  # in half precision they sum to 1 up to half a percent only
    total, aleatoric = entr(probs.mean(axis=0)).sum(axis=-1), entr(probs).sum(axis=-1).mean(axis=0)
    # Not negative by Jensen's inequality; rounding can take it just below 0.
    return Decomposition(total, aleatoric, np.maximum(total - aleatoric, 0.0))


def _checked_votes(**arrays):
    """Votes, and labels if given, as float64 arrays of 0 and 1 or of -1 and 1, or a ValueError."""
    votes, *labels = arrays = checked_finite(**arrays)
    if votes.ndim not in (1, 2) or len(votes) < 2 or 0 in votes.shape:
        raise ValueError(f"votes must have shape (T,) or (T, n), voters first, with T >= 2 voters, not {votes.shape}.")
    values = np.unique(np.concatenate([array.ravel() for array in arrays]))
    if not (np.isin(values, (0, 1)).all() or np.isin(values, (-1, 1)).all()):
        raise ValueError(f"Votes and labels must all be 0 or 1, or all -1 or 1, not {values[:5].tolist()}.")
    for y in labels:
        if y.shape != votes.shape[1:]:
            raise ValueError(f"y must have shape {votes.shape[1:]}, one label for each column of votes, not {y.shape}.")
    return arrays


def disagreement(votes):
    """The share of pairs of different voters that differ, averaged over rows.

    Parameters
    ----------
    votes : (T,) or (T, n) array
        Voters first, T >= 2; all in {0, 1} or all in {-1, 1}.

    Returns
    -------
    float
        From 0 (all agree) to just above 1/2 (T / (2(T - 1)) for an even split).

    Raises
    ------
    ValueError
        If there are fewer than two voters, or a vote is neither of the two values.

    Examples
    --------
    >>> disagreement([0, 1, 1, 1])
    0.5
    """
    (votes,) = _checked_votes(votes=votes)
    n_voters, yes = len(votes), (votes == 1).sum(axis=0)
    # Each pair that differs has one voter on each side.
    return float(np.mean(yes * (n_voters - yes) / (n_voters * (n_voters - 1) / 2)))


def ensemble_gain(votes, y):
    """Squared error of the voters, on average, minus the squared error of their average vote.

    Parameters
    ----------
    votes : (T,) or (T, n) array
        Voters first, T >= 2; all in {0, 1} or all in {-1, 1}.
    y : number or (n,) array
        Labels, of the same two values.

    Returns
    -------
    float
        At least 0, averaged over rows; as measured, from the errors themselves.

    Raises
    ------
    ValueError
        If shapes do not match, or a vote or label is neither of the two values.

    Notes
    -----
    Krogh & Vedelsby (1995), *Neural network ensembles, cross validation, and active learning*, NeurIPS 7. For
    votes in {0, 1} equal to (T - 1) / (2T) times `disagreement`, for votes in {-1, 1} to 4 times that.

    Examples
    --------
    >>> ensemble_gain([0, 1, 1, 1], 1)
    0.1875
    """
    votes, y = _checked_votes(votes=votes, y=y)
    individual = ((votes - y) ** 2).mean()
    return float(individual - ((votes.mean(axis=0) - y) ** 2).mean())


def log_likelihood(samples, y, tau):
    """The log density of new targets under the average of the passes, each with Gaussian noise of precision tau.

    Parameters
    ----------
    samples : (T, n) array
        Predictions of T passes for n rows.
    y : (n,) array
        Targets, in the same unit.
    tau : float
        Precision of the noise, 1 / noise_std**2, above 0.

    Returns
    -------
    float
        Nats a row: the mean over rows of log (1/T) sum_t N(y; samples[t], 1/tau). It falls by log c if samples, y
        and tau are given in a unit c times smaller.

    Raises
    ------
    ValueError
        If shapes do not match, or tau is not a finite positive number.

    Notes
    -----
    Gal & Ghahramani (2016), *Dropout as a Bayesian approximation*, ICML, equation 22 of the appendix
    (arXiv:1506.02157).

    Examples
    --------
    One pass that is right: the log density of a standard normal at 0.

    >>> round(log_likelihood([[2.0]], [2.0], tau=1), 4)
    -0.9189
    """
    samples, y = checked_factors(samples=samples, y=y)
    if samples.ndim != 2 or 0 in samples.shape or y.shape != samples.shape[1:]:
        raise ValueError("samples must have shape (T, n), passes first, none empty, and y (n,), not "
                         f"{samples.shape} and {y.shape}.")
    tau = checked_number("tau", tau, "a finite precision 1 / noise_std**2 above 0", lambda v: 1e-140 < v < 1e140)
    exponents = -tau / 2 * (y - samples) ** 2
    return float(np.mean(logsumexp(exponents, axis=0)) - np.log(len(samples)) + 0.5 * np.log(tau / (2 * np.pi)))


def coverage(mean, std, y, level=0.95):
    """The share of targets inside the central interval of a Gaussian with this mean and standard deviation.

    Parameters
    ----------
    mean, y : (n,) arrays
        Predictions and targets.
    std : float or (n,) array
        Standard deviation of the whole prediction, its noise included; at least 0.
    level : float
        The share that the interval promises, between 0 and 1.

    Returns
    -------
    float
        The share of rows with abs(y - mean) <= z * std, where z is 1.96 for a level of 0.95.

    Raises
    ------
    ValueError
        If shapes do not match, a standard deviation is negative, or the level is not between 0 and 1.

    Examples
    --------
    >>> coverage([0.0, 0.0, 0.0, 0.0], 1.0, [0.5, -1.9, 1.9, 2.5])
    0.75
    """
    mean, std, y = checked_finite(mean=mean, std=std, y=y)
    if mean.ndim != 1 or mean.size == 0 or y.shape != mean.shape or std.shape not in ((), mean.shape):
        raise ValueError(f"mean and y must have shape (n,), and std be one number or (n,), not {mean.shape}, {y.shape} "
                         f"and {std.shape}.")
    if std.min() < 0:
        raise ValueError(f"std must not be negative, and its least value is {std.min():.3g}; for a variance pass its "
                         "root.")
    level = checked_number("level", level, "a share between 0 and 1", lambda v: 0 < v < 1)
    return float(np.mean(np.abs(y - mean) <= ndtri(0.5 + level / 2) * std))


@dataclass(frozen=True)
class Reliability:
    """The rows in each bin of confidence: mean confidence and share right (nan where empty), count; (n_bins,) each."""

    confidence: np.ndarray
    accuracy: np.ndarray
    count: np.ndarray


def _checked_probs(probs, y, n_bins):
    """Probabilities (n, C), labels (n,) as int and the number of bins, or a ValueError."""
    probs, y = checked_finite(probs=probs, y=y)
    if probs.ndim != 2 or 0 in probs.shape:
        raise ValueError(f"probs must have shape (n, C), one row an example and one column a class, not {probs.shape}.")
    sums = probs.sum(axis=1)
    if probs.shape[1] < 2 or probs.min() < 0 or abs(sums - 1).max() > 1e-2:
        raise ValueError("Each row of probs must hold the probabilities of all classes, two or more that sum to 1, not "
                         f"{probs.shape[1]} from {probs.min():.3g} that sum to between {sums.min():.3g} and "
                         f"{sums.max():.3g}; apply softmax to logits first.")
    return probs, _checked_labels(y, *probs.shape), checked_count("n_bins", n_bins, 1, 10**6)


def _checked_labels(y, n, n_classes):
    """Labels as int, or a ValueError."""
    if y.shape != (n,) or (y != y.astype(int)).any() or y.min() < 0 or y.max() >= n_classes:
        raise ValueError(f"y must have shape ({n},) and hold classes, whole numbers from 0 to {n_classes - 1}, not "
                         f"{shown(y) if y.shape != (n,) else f'values from {y.min():.3g} to {y.max():.3g}'}.")
    return y.astype(int)


def reliability(probs, y, n_bins=15):
    """How often a classifier is right, beside how sure it is, in bins of its confidence.

    Parameters
    ----------
    probs : (n, C) array
        Probabilities of the C classes; the confidence is the largest of a row.
    y : (n,) array
        The true classes, 0 to C - 1.
    n_bins : int
        Bins of equal width from 0 to 1. A confidence on an edge belongs to the lower bin.

    Returns
    -------
    Reliability
        `confidence`, `accuracy`, `count`, `(n_bins,)` each; nan where a bin is empty.

    Raises
    ------
    ValueError
        If probs are no distributions, or y does not hold one class a row.

    Notes
    -----
    Guo, Pleiss, Sun & Weinberger (2017), *On calibration of modern neural networks*, ICML. Of equal probabilities the
    first is the answer.

    Examples
    --------
    >>> reliability([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6]], [0, 1, 1], n_bins=2).accuracy.round(2)
    array([ nan, 0.67])
    """
    probs, y, n_bins = _checked_probs(probs, y, n_bins)
    confidence, right = probs.max(axis=1), probs.argmax(axis=1) == y
    bins = np.searchsorted(np.arange(1, n_bins) / n_bins, confidence, side="left")
    count = np.bincount(bins, minlength=n_bins)
    shares = [np.divide(np.bincount(bins, of, n_bins), count, out=np.full(n_bins, np.nan), where=count > 0)
              for of in (confidence, right)]
    return Reliability(*shares, count)


def expected_calibration_error(probs, y, n_bins=15):
    """The gap between confidence and share right, averaged over bins of confidence, weighted by their rows.

    Parameters
    ----------
    probs, y, n_bins
        As in `reliability`.

    Returns
    -------
    float
        From 0 to 1. It is above 0 for perfect probabilities too, by the chance of a finite sample.

    Raises
    ------
    ValueError
        As in `reliability`.

    Notes
    -----
    Naeini, Cooper & Hauskrecht (2015), *Obtaining well calibrated probabilities using Bayesian binning*, AAAI.

    Examples
    --------
    >>> round(expected_calibration_error([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6]], [0, 1, 1], n_bins=2), 3)
    0.1
    """
    bins = reliability(probs, y, n_bins)
    gaps = np.where(bins.count > 0, abs(bins.accuracy - bins.confidence), 0.0)
    return float(gaps @ bins.count / bins.count.sum())


def fit_temperature(logits, y):
    """The temperature that makes held-out labels most likely: the T > 0 with the least NLL of logits / T.

    Parameters
    ----------
    logits : (n, C) array
        Of held-out rows, before softmax; log-probabilities serve as well.
    y : (n,) array
        The true classes, 0 to C - 1.

    Returns
    -------
    float
        Above 1 where the logits were too sure, below 1 where they were too modest.

    Raises
    ------
    ValueError
        If shapes do not match, or no temperature is best: every row is right, so that 0 would be, or the logits
        are no better than equal ones, so that infinity would be.

    Notes
    -----
    Guo, Pleiss, Sun & Weinberger (2017), *On calibration of modern neural networks*, ICML. The NLL is convex in 1/T;
    its derivative has one root.

    Examples
    --------
    Sure three to one by its logits, and right three times of four: nothing to change.

    >>> round(fit_temperature([[1.0986123, 0.0]] * 4, [0, 0, 0, 1]), 3)
    1.0
    """
    logits, y = checked_factors(logits=logits, y=y)
    if logits.ndim != 2 or 0 in logits.shape or logits.shape[1] < 2:
        raise ValueError("logits must have shape (n, C), one column for each of two or more classes, not "
                         f"{logits.shape}.")
    y = _checked_labels(y, *logits.shape)
    z = logits - logits.max(axis=1, keepdims=True)  # the largest of a row is 0
    true = z[np.arange(len(y)), y]
    if true.min() == 0:
        raise ValueError(f"All {len(y)} rows are right, so that the NLL falls for ever as T goes to 0: fit the "
                         "temperature on held-out rows, and on more of them.")
    if true.mean() <= z.mean():
        raise ValueError("These logits predict y no better than equal ones, so that the NLL falls for ever as T grows: "
                         "check that the columns are the classes and the rows those of y.")
    scale = abs(z).max()
    z, true = z / scale, true / scale

    def slope(log_beta):
        """Derivative of the NLL in beta = scale / T: what softmax expects of z, minus z of the true class."""
        return float(np.mean((softmax(np.exp(log_beta) * z, axis=1) * z).sum(axis=1) - true))

    low, high = 0.0, 0.0
    while slope(low) > 0:
        low -= 2
    while slope(high) < 0:
        high += 2
    return float(scale / np.exp(brentq(slope, low, high, xtol=1e-12)) if low < high else scale)


@dataclass(frozen=True)
class RiskCoverage:
    """Share of rows that are kept, and share of wrong ones among them, as the bar falls: (n,) each."""

    coverage: np.ndarray
    risk: np.ndarray


def risk_coverage(score, correct):
    """What is risked when only the surest rows are answered, for every share of rows.

    Parameters
    ----------
    score : (n,) array
        How sure each row is: the largest is answered first. For a doubt, such as an entropy, pass minus it.
    correct : (n,) array
        True or 1 where the answer is right, False or 0 where it is wrong.

    Returns
    -------
    RiskCoverage
        `coverage`: 1/n, 2/n, ..., 1. `risk`: the share of wrong answers among the rows kept. Equal scores keep the
        order of the rows; within such a group the curve is one of many.

    Raises
    ------
    ValueError
        If shapes do not match, or correct holds other values.

    Notes
    -----
    El-Yaniv & Wiener (2010), *On the foundations of noise-free selective classification*, JMLR 11.

    Examples
    --------
    >>> risk_coverage([0.9, 0.6, 0.8], [1, 0, 1]).risk.round(2)
    array([0.  , 0.  , 0.33])
    """
    score, correct = checked_finite(score=score, correct=correct)
    if score.ndim != 1 or score.size == 0 or correct.shape != score.shape:
        raise ValueError(f"score and correct must have shape (n,), not {score.shape} and {correct.shape}.")
    if not np.isin(correct, (0, 1)).all():
        raise ValueError("correct must hold True and False, or 1 and 0: whether the answer of each row is right.")
    kept = np.arange(1, len(score) + 1)
    wrong = 1 - correct[np.argsort(-score, kind="stable")]
    return RiskCoverage(kept / len(score), np.cumsum(wrong) / kept)
