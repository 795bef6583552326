"""Normalization of activations, in torch: by batch, by example, and what dropout does before it.

The biased variance (divided by n) normalizes, with eps added under the root. Half precision is computed in float32
inside, as in torch, and each result has the dtype of x. `batch_norm`, `layer_norm` and
`rms_norm` are functions without a memory; `BatchNorm1d` is the layer that keeps running statistics.
"""

from book_utils._checks import checked_count, checked_flag, checked_number, shown
from book_utils._torch import nn, torch
from book_utils.dropout import variance_shift as variance_shift  # there it needs no torch


def _check_input(x):
    if not torch.is_tensor(x) or not x.is_floating_point():
        found = x.dtype if torch.is_tensor(x) else type(x).__name__
        raise ValueError(f"x must be a tensor of floating-point numbers, not {found}; torch.as_tensor(x).float() makes "
                         "it one.")
    if 0 in x.shape or not x.ndim:
        raise ValueError(f"x must have at least one value to normalize, not shape {tuple(x.shape)}.")
    if not x.isfinite().all():
        raise ValueError("x holds nan or inf: look for the first layer that puts one out, or lower the learning rate.")


def _check_parameters(x, eps, **parameters):
    for name, value in parameters.items():
        if value is None:
            continue
        if not torch.is_tensor(value) or value.shape != x.shape[-1:] or not value.isfinite().all():
            raise ValueError(f"{name} must be a tensor of shape {tuple(x.shape[-1:])}, one finite value a feature, or "
                             f"None to leave it out, not {shown(value)}.")
    _check_eps(eps)


def _check_eps(eps):
    bounds = torch.finfo(torch.float32)  # less is 0 there
    checked_number("eps", eps, "a small positive number (without it a constant feature is 0 / 0)",
                   lambda v: bounds.tiny <= v <= bounds.max)


def _check_batch(x):
    if x.ndim != 2:
        raise ValueError(f"x must have shape (n, d), not {tuple(x.shape)}; move other axes into the rows.")
    if len(x) < 2:
        raise ValueError("One row has no batch statistics: give at least two rows, or call eval() on the layer to use "
                         "its running ones.")


def _wide(x):
    """x in float32 or better: squares of half-precision numbers overflow and vanish."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _normalized(x, mean, var, eps, gamma, beta):
    """γ (x - mean) / √(var + eps) + β in the dtype of x, from mean and var as `_wide` has them."""
    out = (_wide(x) - mean) / torch.sqrt(var + eps)
    out = out if gamma is None else gamma * out
    return (out if beta is None else out + beta).to(x.dtype)


def batch_norm(x, gamma, beta, eps=1e-5):
    """Normalize each feature by its mean and variance over the batch, then scale and shift.

    Parameters
    ----------
    x : (n, d) tensor
        Activations, n >= 2.
    gamma, beta : (d,) tensors, or None for 1 and 0
        Scale and shift.
    eps : float
        Added to the variance, positive.

    Returns
    -------
    (n, d) tensor
        γ (x - mean) / √(var + eps) + β, with gradients.

    Raises
    ------
    ValueError
        If shapes do not match, there is one row only, or a value is not finite.

    Notes
    -----
    Ioffe & Szegedy (2015), *Batch normalization*, ICML, algorithm 1.

    Examples
    --------
    >>> batch_norm(torch.tensor([[1.0], [3.0]]), None, None).numpy().round(3)
    array([[-1.],
           [ 1.]], dtype=float32)
    """
    _check_input(x)
    _check_batch(x)
    _check_parameters(x, eps, gamma=gamma, beta=beta)
    wide = _wide(x)
    return _normalized(x, wide.mean(dim=0), wide.var(dim=0, correction=0), eps, gamma, beta)


def layer_norm(x, gamma, beta, eps=1e-5):
    """Normalize each example by the mean and variance of its own features, then scale and shift.

    Parameters
    ----------
    x : (..., d) tensor
        Activations; the last axis holds the features.
    gamma, beta : (d,) tensors, or None for 1 and 0
        Scale and shift.
    eps : float
        Added to the variance, positive.

    Returns
    -------
    (..., d) tensor
        γ (x - mean) / √(var + eps) + β, with gradients.

    Raises
    ------
    ValueError
        If shapes do not match, or a value is not finite.

    Notes
    -----
    Ba, Kiros & Hinton (2016), *Layer normalization*, arXiv:1607.06450.

    Examples
    --------
    >>> layer_norm(torch.tensor([1.0, 3.0]), None, None).numpy().round(3)
    array([-1.,  1.], dtype=float32)
    """
    _check_input(x)
    _check_parameters(x, eps, gamma=gamma, beta=beta)
    wide = _wide(x)
    mean, var = wide.mean(dim=-1, keepdim=True), wide.var(dim=-1, correction=0, keepdim=True)
    return _normalized(x, mean, var, eps, gamma, beta)


def rms_norm(x, gamma, eps=1e-5):
    """Divide each example by the root mean square of its own features, then scale.

    Parameters
    ----------
    x : (..., d) tensor
        Activations; the last axis holds the features.
    gamma : (d,) tensor, or None for 1
        Scale.
    eps : float
        Added to the mean square, positive.

    Returns
    -------
    (..., d) tensor
        γ x / √(mean of x² + eps), with gradients.

    Raises
    ------
    ValueError
        If shapes do not match, or a value is not finite.

    Notes
    -----
    Zhang & Sennrich (2019), *Root mean square layer normalization*, NeurIPS.

    Examples
    --------
    >>> rms_norm(torch.tensor([1.0, 7.0]), None).numpy().round(3)
    array([0.2, 1.4], dtype=float32)
    """
    _check_input(x)
    _check_parameters(x, eps, gamma=gamma)
    return _normalized(x, 0, (_wide(x) ** 2).mean(dim=-1, keepdim=True), eps, gamma, None)


class BatchNorm1d(nn.Module):
    """Batch normalization of (n, d) activations, equal to ``torch.nn.BatchNorm1d``.

    In training it normalizes by the batch and moves the running statistics towards it; in evaluation it
    normalizes by the running statistics. Parameters and buffers have torch's names, so that state dicts
    interchange.

    Parameters
    ----------
    num_features : int
        d, at least 1.
    eps : float
        Added to the variance, positive.
    momentum : float or None
        Weight of the new batch in the running statistics, from 0 to 1; None for the plain average of all
        batches.
    affine : bool
        Learn a scale (``weight``, γ) and a shift (``bias``, β).

    Raises
    ------
    ValueError
        If an argument is out of range; in a call, if the input is not (n, d) with d = num_features, holds
        a value that is not finite, or is one row in training.

    Notes
    -----
    Ioffe & Szegedy (2015), *Batch normalization*, ICML, algorithms 1 and 2: the batch is normalized by the
    biased variance, the unbiased one (divided by n - 1) is stored.

    Examples
    --------
    >>> layer = BatchNorm1d(1)
    >>> layer(torch.tensor([[1.0], [3.0]])).detach().numpy().round(3)
    array([[-1.],
           [ 1.]], dtype=float32)
    >>> layer.running_mean, layer.running_var
    (tensor([0.2000]), tensor([1.1000]))
    """

    def __init__(self, num_features, eps=1e-5, momentum=0.1, *, affine=True):
        super().__init__()
        num_features = checked_count("num_features", num_features, 1, 10**8)
        _check_eps(eps)
        if momentum is not None:
            momentum = checked_number("momentum", momentum, "the weight of the new batch, from 0 to 1, or None",
                                      lambda v: 0 <= v <= 1)
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.weight = nn.Parameter(torch.ones(num_features)) if checked_flag("affine", affine) else None
        self.bias = nn.Parameter(torch.zeros(num_features)) if affine else None
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x):
        _check_input(x)
        if x.ndim != 2 or x.shape[1] != self.num_features:
            raise ValueError(f"x must have shape (n, {self.num_features}), not {tuple(x.shape)}.")
        if self.training:
            out = batch_norm(x, self.weight, self.bias, self.eps)
            self._update(_wide(x.detach()))
            return out
        return _normalized(x, self.running_mean, _wide(self.running_var), self.eps, self.weight, self.bias)

    def _update(self, x):
        self.num_batches_tracked += 1
        momentum = 1 / self.num_batches_tracked.item() if self.momentum is None else self.momentum
        for running, new in ((self.running_mean, x.mean(dim=0)), (self.running_var, x.var(dim=0))):
            running.copy_(momentum * new + (1 - momentum) * _wide(running))
