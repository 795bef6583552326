"""Penalties on the weights of a torch model: never on its biases, never on its normalization parameters.

A bias only shifts a unit, and a normalization layer's scale is undone or absorbed by its neighbors: neither makes
a function wilder, so neither is penalized. For NumPy's linear models see `book_utils.linear`.
"""

import torch
from torch import nn

from book_utils._checks import checked_nonnegative

_NORMALIZATIONS = ("BatchNorm", "InstanceNorm", "LayerNorm", "GroupNorm", "RMSNorm")


def _weights(model):
    """The penalized parameters of a model, each once, or a ValueError that says what to pass."""
    if not isinstance(model, nn.Module):
        raise ValueError(f"model must be a torch.nn.Module, not {type(model).__name__}.")
    found = {}
    for module in model.modules():
        if any(name in type(module).__name__ for name in _NORMALIZATIONS):
            continue
        for name, parameter in module.named_parameters(recurse=False):
            if "bias" not in name:
                found[id(parameter)] = parameter  # a tied weight is one weight
    if not found:
        raise ValueError(f"{type(model).__name__} has no weights to penalize: pass the model whose layers are trained.")
    return list(found.values())


def l2_penalty(model):
    """The sum of the squared weights, ||w||².

    Parameters
    ----------
    model : torch.nn.Module
        Its weights enter; biases and the parameters of normalization layers do not.

    Returns
    -------
    torch.Tensor
        A scalar that carries the gradient 2w. Add ``lam / 2 * l2_penalty(model)`` to a loss for the book's λ;
        plain gradient descent then shrinks the weights as an optimizer's ``weight_decay=lam`` does.

    Raises
    ------
    ValueError
        If `model` is no module or has no weights.

    Examples
    --------
    >>> layer = nn.Linear(2, 1)
    >>> _ = nn.init.constant_(layer.weight, -3.0)
    >>> l2_penalty(layer).item()
    18.0
    """
    return sum(w.square().sum() for w in _weights(model))


def l1_penalty(model):
    """The sum of the absolute weights, ||w||₁.

    Parameters
    ----------
    model : torch.nn.Module
        Its weights enter; biases and the parameters of normalization layers do not.

    Returns
    -------
    torch.Tensor
        A scalar that carries the (sub)gradient sign(w), 0 at 0. Add ``lam * l1_penalty(model)`` to a loss.

    Raises
    ------
    ValueError
        If `model` is no module or has no weights.

    Examples
    --------
    >>> layer = nn.Linear(2, 1)
    >>> _ = nn.init.constant_(layer.weight, -3.0)
    >>> l1_penalty(layer).item()
    6.0
    """
    return sum(w.abs().sum() for w in _weights(model))


@torch.no_grad()
def soft_threshold_(model, t):
    """Move every weight by t toward zero, in place, and to zero if it was nearer than t.

    After a gradient step with step size lr on the loss alone, ``soft_threshold_(model, lr * lam)`` completes a
    proximal step for the loss plus lam ||w||₁: weights reach zero exactly.

    Parameters
    ----------
    model : torch.nn.Module
        Its weights are changed; biases and the parameters of normalization layers are not.
    t : float
        The threshold, at least 0, in the units of the weights.

    Raises
    ------
    ValueError
        If `model` is no module or has no weights, or t is negative or not finite; nothing is changed then.

    Notes
    -----
    Parikh & Boyd (2014), *Proximal algorithms*, sections 4.2 and 6.5.2.

    Examples
    --------
    >>> layer = nn.Linear(2, 1)
    >>> _ = layer.weight.data.copy_(torch.tensor([[0.5, -2.0]]))
    >>> soft_threshold_(layer, 1.0)
    >>> layer.weight.tolist()
    [[0.0, -1.0]]
    """
    t = checked_nonnegative("t", t)
    for w in _weights(model):
        bound = min(t, torch.finfo(w.dtype).max)
        w.copy_(w - w.clamp(-bound, bound))  # sign(w) max(|w| - t, 0)
