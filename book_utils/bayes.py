"""Bayesian linear regression in closed form, in NumPy: the exact posterior, its evidence, the best factorized one.

The likelihood is y ~ N(Xw, noise_std² I) and the prior w ~ N(0, prior_std² I), without an intercept. The precision of
the posterior is then A = XᵀX / noise_std² + I / prior_std², whatever y is.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

from book_utils._checks import checked_data, checked_factors, checked_number, checked_rows


@dataclass(frozen=True)
class LinearPosterior:
    """Mean (d,) and covariance (d, d) of the weights given the data, and the log evidence log p(y | X), in nats."""

    mean: np.ndarray
    cov: np.ndarray
    log_evidence: float


@dataclass(frozen=True)
class MeanField:
    """Mean (d,) and standard deviations (d,) of the best factorized Gaussian, and its ELBO, in nats."""

    mean: np.ndarray
    std: np.ndarray
    elbo: float


def _checked_stds(**stds):
    return [checked_number(name, std, "a standard deviation between 1e-70 and 1e70", lambda v: 1e-70 <= v <= 1e70)
            for name, std in stds.items()]


def _checked_gaussian(mu, sigma):
    mu, sigma = checked_factors(mu=mu, sigma=sigma)
    if mu.ndim != 1 or mu.size == 0 or sigma.shape != mu.shape:
        raise ValueError(f"mu and sigma must have one shape (d,), a mean and a standard deviation for each weight, not "
                         f"{mu.shape} and {sigma.shape}.")
    if sigma.min() < 1e-70:
        raise ValueError(f"sigma[{sigma.argmin()}] is {sigma.min()}: a standard deviation is positive; for a point "
                         "estimate there is no KL divergence.")
    return mu, sigma


def _solved(X, y, noise_std, prior_std):
    """Mean (d,), R (d, d) with A = RᵀR, and log p(y | X)."""
    X, y = checked_data(X, y)
    noise_std, prior_std = _checked_stds(noise_std=noise_std, prior_std=prior_std)
    n, d = X.shape
    # The prior is d further rows: minimize ||y - Xw||² / noise_std² + ||w||² / prior_std². QR does not square X.
    rows = np.vstack([X / noise_std, np.eye(d) / prior_std])
    targets = np.append(y / noise_std, np.zeros(d))
    Q, R = np.linalg.qr(rows)
    mean = solve_triangular(R, Q.T @ targets)
    misfit = np.sum((targets - rows @ mean) ** 2)
    log_det = 2 * np.log(abs(R.diagonal())).sum()
    log_evidence = -0.5 * (n * np.log(2 * np.pi * noise_std**2) + d * np.log(prior_std**2) + log_det + misfit)
    return mean, R, float(log_evidence)


def gaussian_kl(mu, sigma, prior_std):
    """KL divergence of a factorized Gaussian from the prior, KL(N(mu, diag(sigma²)) || N(0, prior_std² I)).

    Parameters
    ----------
    mu, sigma : (d,) arrays
        Means and standard deviations, `sigma` positive.
    prior_std : float
        Standard deviation of the prior, positive.

    Returns
    -------
    float
        In nats; 0 only where the two are equal, that is for mu = 0 and sigma = prior_std.

    Raises
    ------
    ValueError
        If shapes differ, or a standard deviation is not positive.

    Notes
    -----
    Σⱼ [log(prior_std/σⱼ) + (σⱼ² + μⱼ²) / (2 prior_std²) - 1/2]. Bishop (2006), *Pattern Recognition and Machine
    Learning*, section 10.1.

    Examples
    --------
    >>> gaussian_kl([0.0, 1.0], [1.0, 1.0], 1.0)
    0.5
    """
    mu, sigma = _checked_gaussian(mu, sigma)
    (prior_std,) = _checked_stds(prior_std=prior_std)
    ratio = sigma / prior_std
    return float(np.sum(0.5 * ((mu / prior_std) ** 2 + (ratio - 1) * (ratio + 1)) - np.log(ratio)))


def linear_posterior(X, y, noise_std, prior_std):
    """The exact posterior of the weights of a linear model, and the evidence of the model.

    Parameters
    ----------
    X : (n, d) array
        One row an observation.
    y : (n,) array
        Targets.
    noise_std : float
        Standard deviation of the noise, in the units of y, positive.
    prior_std : float
        Standard deviation of every weight before the data, positive.

    Returns
    -------
    LinearPosterior
        `mean` (d,), which is the ridge solution with λ = noise_std² / (n prior_std²); `cov` (d, d), which does not
        depend on y; `log_evidence`, log N(y; 0, noise_std² I + prior_std² XXᵀ).

    Raises
    ------
    ValueError
        If shapes do not match, a value is not finite, or a standard deviation is not positive.

    Notes
    -----
    Bishop (2006), *Pattern Recognition and Machine Learning*, equations 3.50 to 3.54 and 3.86.

    Examples
    --------
    One measurement of 2 with noise as large as the prior: the posterior lies half-way, with half the variance.

    >>> posterior = linear_posterior([[1.0]], [2.0], 1.0, 1.0)
    >>> posterior.mean.round(6), posterior.cov.round(6)
    (array([1.]), array([[0.5]]))
    """
    mean, R, log_evidence = _solved(X, y, noise_std, prior_std)
    inverse = solve_triangular(R, np.eye(len(R)))
    return LinearPosterior(mean, inverse @ inverse.T, log_evidence)


def mean_field(X, y, noise_std, prior_std):
    """The factorized Gaussian that maximizes the ELBO of a linear model.

    Parameters
    ----------
    X, y, noise_std, prior_std
        As in `linear_posterior`.

    Returns
    -------
    MeanField
        `mean` (d,), that of the exact posterior; `std` (d,), 1/√Aⱼⱼ, never larger than the exact posterior's;
        `elbo`, below the log evidence by ½ (Σⱼ log Aⱼⱼ - log det A), which is 0 for orthogonal columns.

    Raises
    ------
    ValueError
        As `linear_posterior`.

    Notes
    -----
    Bishop (2006), *Pattern Recognition and Machine Learning*, section 10.1.2.

    Examples
    --------
    >>> mean_field([[1.0]], [2.0], 1.0, 1.0).std.round(4)
    array([0.7071])
    """
    mean, R, log_evidence = _solved(X, y, noise_std, prior_std)
    lengths = np.linalg.norm(R, axis=0)  # √Aⱼⱼ, since A = RᵀR
    gap = np.sum(np.log(lengths) - np.log(abs(R.diagonal())))
    return MeanField(mean, 1 / lengths, float(log_evidence - gap))


def linear_elbo(X, y, mu, sigma, noise_std, prior_std):
    """The evidence lower bound of a factorized Gaussian over the weights of a linear model.

    Parameters
    ----------
    X : (n, d) array
        One row an observation.
    y : (n,) array
        Targets.
    mu, sigma : (d,) arrays
        Means and standard deviations of the weights, `sigma` positive.
    noise_std, prior_std : float
        Of the noise and of the prior, positive.

    Returns
    -------
    float
        E[log p(y | X, w)] - KL, in nats, exact; at most the log evidence.

    Raises
    ------
    ValueError
        If shapes do not match, a value is not finite, or a standard deviation is not positive.

    Notes
    -----
    E‖y - Xw‖² = ‖y - Xμ‖² + Σⱼ σⱼ² ‖xⱼ‖², with xⱼ the j-th column.

    Examples
    --------
    >>> round(linear_elbo([[1.0]], [0.0], [0.0], [1.0], 1.0, 1.0), 4)
    -1.4189
    """
    X, y = checked_data(X, y)
    mu, sigma = _checked_gaussian(mu, sigma)
    noise_std, prior_std = _checked_stds(noise_std=noise_std, prior_std=prior_std)
    n, d = X.shape
    if mu.shape != (d,):
        raise ValueError(f"mu and sigma must have shape ({d},), one value for each column of X, not {mu.shape}.")
    misfit = np.sum(((y - X @ mu) / noise_std) ** 2) + np.sum((X * (sigma / noise_std)) ** 2)
    return float(-0.5 * (n * np.log(2 * np.pi * noise_std**2) + misfit)) - gaussian_kl(mu, sigma, prior_std)


def max_stable_lr(X, noise_std, prior_std):
    """The learning rate from which on gradient ascent of the ELBO in mu diverges.

    Parameters
    ----------
    X : (n, d) array
        One row an observation.
    noise_std, prior_std : float
        Of the noise and of the prior, positive.

    Returns
    -------
    float
        2 / λmax(XᵀX / noise_std² + I / prior_std²), for steps on the sum over all rows: with mean losses multiply
        by n, and divide by noise_std² if the loss is not divided by it.

    Raises
    ------
    ValueError
        If X is not a finite (n, d) array, or a standard deviation is not positive.

    Examples
    --------
    >>> max_stable_lr([[3.0], [4.0]], 1.0, 1.0)
    0.07692307692307693
    """
    X = checked_rows(X)
    noise_std, prior_std = _checked_stds(noise_std=noise_std, prior_std=prior_std)
    largest = np.linalg.norm(X / noise_std, 2)  # largest singular value
    return float(2 / (largest**2 + prior_std**-2))
