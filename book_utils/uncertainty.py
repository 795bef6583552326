"""What the spread of many predictions says: how much of a doubt is noise in the data, how much the model's own.

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
    if probs.ndim != 3 or 0 in probs.shape:
        raise ValueError(f"probs must have shape (T, n, C), passes first, classes last, none empty, not {probs.shape}.")
    sums = probs.sum(axis=-1)
    if probs.min() < 0 or abs(sums - 1).max() > 1e-4:
        raise ValueError("The last axis of probs must hold probabilities that sum to 1, not values from "
                         f"{probs.min():.3g} that sum to between {sums.min():.3g} and {sums.max():.3g}; apply softmax "
                         "to logits first.")
    probs = probs / sums[..., None]  # float32 probabilities sum to 1 up to rounding only
    total, aleatoric = entr(probs.mean(axis=0)).sum(axis=-1), entr(probs).sum(axis=-1).mean(axis=0)
    # Not negative by Jensen's inequality; rounding can take it just below 0.
    return Decomposition(total, aleatoric, np.maximum(total - aleatoric, 0.0))
