"""What dropout does, in NumPy: masks, moments, averages over all masks, and the ridge that hides in it.

`p` is always the probability of dropping. Every element has a mask entry of its own: 1 with probability
1 - p (kept), 0 with probability p (dropped). Inverted dropout also divides what is kept by 1 - p.
Here stands what is exact, or one draw; asking a torch model many times is `book_utils.mc_dropout`.
"""

import numpy as np

from book_utils._checks import (
    checked_count,
    checked_data,
    checked_factors,
    checked_flag,
    checked_p,
    checked_rows,
    real_array,
    shown,
)
from book_utils.linear import ridge


def dropout(x, p, *, rng, inverted=True):
    """Drop each element of x with probability p, independently of all others.

    Parameters
    ----------
    x : array of any shape
        Activations. Not changed.
    p : float
        Probability of dropping, 0 <= p < 1.
    rng : numpy.random.Generator
        Where the mask comes from.
    inverted : bool
        Divide what is kept by 1 - p, so that the expected value is x itself.

    Returns
    -------
    array of x's shape
        float64.

    Raises
    ------
    ValueError
        If p is outside [0, 1), rng is no Generator, or a value is not finite.

    Notes
    -----
    Srivastava et al. (2014), *Dropout*, JMLR 15, section 4 (plain, with the keep probability written p
    there) and section 10 (inverted).

    Examples
    --------
    >>> dropout([1, 1, 1, 1], 0.5, rng=np.random.default_rng(0))
    array([2., 0., 0., 0.])
    """
    (x,) = checked_factors(x=x)
    p = checked_p(p)
    if not isinstance(rng, np.random.Generator):
        raise ValueError(f"rng must be a numpy.random.Generator such as np.random.default_rng(0), not {shown(rng)}.")
    scale = 1 - p if checked_flag("inverted", inverted) else 1
    return np.where(rng.random(x.shape) >= p, x / scale, 0.0)


def preactivation_moments(x, w, p, b=0.0, *, inverted=True):
    """Mean and variance of z = Σⱼ wⱼ mⱼ xⱼ + b over the masks m (of z with x / (1 - p) if inverted).

    Parameters
    ----------
    x : (d,) or (n, d) array
        One input, or one a row.
    w : (d,) array
        Weights of the unit.
    p : float
        Probability of dropping, 0 <= p < 1.
    b : float
        Bias of the unit.
    inverted : bool
        Inverted dropout (wᵀx + b and p / (1 - p) Σⱼ wⱼ² xⱼ²) or plain dropout ((1 - p) wᵀx + b and
        p (1 - p) Σⱼ wⱼ² xⱼ²).

    Returns
    -------
    mean, var : floats for one input, (n,) arrays for n
        In units of z and of z².

    Raises
    ------
    ValueError
        If shapes do not match, p is outside [0, 1), or a value is not finite.

    Notes
    -----
    Wang & Manning (2013), *Fast dropout training*, ICML, section 2.

    Examples
    --------
    >>> mean, var = preactivation_moments([1, 2], [3, 1], 0.5)
    >>> float(mean), float(var)
    (5.0, 13.0)
    """
    x, w, b = checked_factors(x=x, w=w, b=b)
    p = checked_p(p)
    if x.ndim not in (1, 2) or w.shape != x.shape[-1:] or 0 in x.shape:
        raise ValueError(f"x must have shape (d,) or (n, d) and w (d,), neither of them empty, not {x.shape} and "
                         f"{w.shape}.")
    if b.ndim:
        raise ValueError(f"b must be one number, not an array of shape {b.shape}.")
    signal, power = x @ w, x**2 @ w**2
    if checked_flag("inverted", inverted):
        return signal + b, p / (1 - p) * power
    return (1 - p) * signal + b, p * (1 - p) * power


def variance_shift(p, mean=0.0, var=1.0):
    """How much smaller the variance of an activation is in evaluation than in training, after inverted dropout.

    Parameters
    ----------
    p : float
        Probability of dropping, 0 <= p < 1.
    mean, var : float or array
        Mean and variance of the activation before dropout, over the data; var > 0.

    Returns
    -------
    float or array
        var / (var + p / (1 - p) (var + mean²)), at most 1; for a zero mean 1 - p.

    Raises
    ------
    ValueError
        If p is outside [0, 1), a value is not finite, or var is not positive.

    Notes
    -----
    Li, Chen, Hu & Yang (2019), *Understanding the disharmony between dropout and batch normalization by variance
    shift*, CVPR.

    Examples
    --------
    >>> round(float(variance_shift(0.3)), 3)
    0.7
    """
    p = checked_p(p)
    mean, var = checked_factors(mean=mean, var=var)
    if not (var > 0).all():
        raise ValueError(f"var must be positive, not {var.min():g}.")
    # Var (x m / (1 - p)) = var + E x² Var (m / (1 - p)); written like this nothing cancels
    return var / (var + p / (1 - p) * (var + mean**2))


def enumerate_masks(d, p):
    """All 2^d masks of d inputs with their probabilities.

    Parameters
    ----------
    d : int
        Number of inputs, 1 <= d <= 20.
    p : float
        Probability of dropping, 0 <= p < 1.

    Returns
    -------
    masks : (2^d, d) array of int8
        1 = kept. Rows count up in binary: the first keeps nothing, the last everything.
    probabilities : (2^d,) array
        (1 - p)^kept · p^dropped; they sum to 1.

    Raises
    ------
    ValueError
        If d is no whole number from 1 to 20, or p is outside [0, 1).

    Examples
    --------
    >>> masks, probabilities = enumerate_masks(2, 0.25)
    >>> masks.tolist()
    [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> probabilities
    array([0.0625, 0.1875, 0.1875, 0.5625])
    """
    d = checked_count("d", d, 1)
    if d > 20:
        raise ValueError(f"d = {d} has 2^{d} masks of {d} entries, too many to list; beyond d = 20 (a million masks, "
                         "20 MB) draw masks at random.")
    p = checked_p(p)
    masks = (np.arange(2**d)[:, None] >> np.arange(d)[::-1] & 1).astype(np.int8)
    kept = masks.sum(axis=1)
    return masks, (1 - p) ** kept * p ** (d - kept)


def jensen_gap(phi, x, w, p, b=0.0):
    """E[φ(z)] - φ(E[z]) for one unit under inverted dropout of its inputs, over all 2^d masks.

    Parameters
    ----------
    phi : callable
        Takes an array of pre-activations and returns an array of the same shape.
    x, w : (d,) arrays
        Input and weights, d <= 20.
    p : float
        Probability of dropping, 0 <= p < 1.
    b : float
        Bias of the unit.

    Returns
    -------
    float
        What the average of the outputs exceeds the output of the average by, in units of φ.

    Raises
    ------
    ValueError
        If shapes do not match, d > 20, p is outside [0, 1), a value is not finite, or phi gives
        another shape or values that are not finite.

    Notes
    -----
    Jensen (1906): not negative for a convex φ, not positive for a concave one, 0 for a linear one.

    Examples
    --------
    For a square the gap is the variance of z:

    >>> round(jensen_gap(np.square, [1, 2], [3, 1], 0.5), 12)
    13.0
    """
    x, w, b = checked_factors(x=x, w=w, b=b)
    if x.ndim != 1:
        raise ValueError(f"x must have shape (d,), one input, not {x.shape}.")
    mean, _ = preactivation_moments(x, w, p, b)
    masks, probabilities = enumerate_masks(len(x), p)
    z = masks @ (w * x) / (1 - p) + b
    z = np.append(z, mean)
    if not callable(phi):
        raise ValueError(f"phi must be a function of an array, such as np.tanh, not {shown(phi)}.")
    try:
        value = real_array("phi(z)", phi(z))
    except Exception as error:
        raise ValueError("phi must turn a NumPy array into one of the same shape; it raised "
                         f"{type(error).__name__}: {str(error).splitlines()[0]}") from error
    if value.shape != z.shape:
        raise ValueError(f"phi must return an array of its argument's shape {z.shape}, not {value.shape}.")
    if not np.isfinite(value).all():
        where = np.argmin(np.isfinite(value))
        raise ValueError(f"phi({z[where]:.3g}) is {value[where]}: choose a phi that is finite wherever z can be.")
    return float(probabilities @ value[:-1] - value[-1])


def expected_squared_loss(X, y, w, p):
    """E over masks of 1/(2n) ||y - (X∘M)w / (1 - p)||², with a mask entry for every entry of X.

    Parameters
    ----------
    X : (n, d) array
        Features.
    y : (n,) array
        Targets.
    w : (d,) array
        Weights.
    p : float
        Probability of dropping, 0 <= p < 1.

    Returns
    -------
    float
        In units of y². Equal to 1/(2n) ||y - Xw||² + `tikhonov_penalty(X, w, p)`.

    Raises
    ------
    ValueError
        If shapes do not match, p is outside [0, 1), or a value is not finite.

    Examples
    --------
    >>> expected_squared_loss([[1], [1]], [1, 3], [2], 0.5)
    2.5
    """
    X, y = checked_data(X, y)
    mean, var = preactivation_moments(X, w, p)
    # E (y - z)² = (y - E z)² + Var z
    return float(((y - mean) ** 2 + var).mean() / 2)


def tikhonov_penalty(X, w, p):
    """The penalty that dropout of the inputs adds to the squared loss: p / (2n(1 - p)) Σⱼ wⱼ² Σᵢ xᵢⱼ².

    Parameters
    ----------
    X : (n, d) array
        Features.
    w : (d,) array
        Weights.
    p : float
        Probability of dropping, 0 <= p < 1.

    Returns
    -------
    float
        In units of y².

    Raises
    ------
    ValueError
        If shapes do not match, p is outside [0, 1), or a value is not finite.

    Notes
    -----
    Srivastava et al. (2014), *Dropout*, JMLR 15, section 9.1; Wager, Wang & Liang (2013), *Dropout
    training as adaptive regularization*, NeurIPS.

    Examples
    --------
    >>> tikhonov_penalty([[1], [1]], [2], 0.5)
    2.0
    """
    _, var = preactivation_moments(checked_rows(X), w, p)
    return float(var.mean() / 2)


def dropout_ridge(X, y, p):
    """The weights that minimize `expected_squared_loss`: a ridge that adapts to each feature's size.

    Parameters
    ----------
    X : (n, d) array
        Features.
    y : (n,) array
        Targets.
    p : float
        Probability of dropping, 0 <= p < 1.

    Returns
    -------
    (d,) array
        Weights, in units of y per unit of the feature; 0 for a feature that is always 0. Without
        dropout, of all least-squares solutions the limit of p → 0.

    Raises
    ------
    ValueError
        If shapes do not match, p is outside [0, 1), or a value is not finite.

    Notes
    -----
    Srivastava et al. (2014), *Dropout*, JMLR 15, section 9.1. With Γ² = diag(XᵀX) the minimizer solves
    (XᵀX + p/(1 - p) Γ²) w = Xᵀy: ridge for features divided by Γ, hence predictions that do not change
    when a feature is measured in another unit.

    Examples
    --------
    >>> dropout_ridge([[1], [1]], [1, 3], 0.5)
    array([1.])
    """
    X, y = checked_data(X, y)
    p = checked_p(p)
    norms = np.linalg.norm(X, axis=0)
    scale = np.where(norms > 0, norms, 1.0)
    w = ridge(X / scale, y, p / (1 - p) / len(X)) / scale
    return np.where(norms > 0, w, 0.0)
