"""What the spread of many predictions says: of a doubt, what is noise and what the model's own; of votes, the gain.

NumPy alone: it takes the predictions, whatever made them. Making them is `book_utils.mc_dropout`.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import entr

from book_utils._checks import checked_finite


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
