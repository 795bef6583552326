"""Penalties on the weights of a torch model: never on its biases, never on its normalization parameters.

A bias only shifts a unit, and a normalization layer's scale is undone or absorbed by its neighbors: neither makes
a function wilder, so neither is penalized. For NumPy's linear models see `book_utils.linear`.
"""

import re

from book_utils._checks import checked_nonnegative
from book_utils._torch import check_built, flags_kept, nn, torch

_NORMALIZATION = re.compile(r"(Batch|Instance|Layer|Group|RMS)Norm(\dd)?$")  # how the name of a class ends


def _computed(module):
    """{name: tensor} of what a parametrization, or the hook of an older tool, computes anew for each forward."""
    names = list(module.parametrizations) if nn.utils.parametrize.is_parametrized(module) else []
    hooks = {}  # of pruning, and of torch.nn.utils.weight_norm and spectral_norm
    for hook in module._forward_pre_hooks.values():
        name = getattr(hook, "_tensor_name", getattr(hook, "name", None))
        if {f"{name}_orig", f"{name}_v"} & set(module._parameters):
            hooks[name] = hook
    if not names and not hooks:
        return {}
    with flags_kept(module):
        module.eval()  # in training, spectral norm moves its buffers
        for hook in hooks.values():
            hook(module, ())
        return {name: getattr(module, name) for name in (*names, *hooks)}


def _weights(model):
    """{name: tensor} of the weights that the layers compute with, each once, or a ValueError that says what to pass."""
    if not isinstance(model, nn.Module):
        raise ValueError(f"model must be a torch.nn.Module, not {type(model).__name__}.")
    check_built(model)
    found = {}
    for path, module in model.named_modules():
        if "parametrizations" in path.split(".") or _NORMALIZATION.search(type(module).__name__):
            continue
        computed = _computed(module)
        behind = {name + end for name in computed for end in ("_orig", "_g", "_v")}
        for name, tensor in (dict(module.named_parameters(recurse=False)) | computed).items():
            if "bias" not in name.split("_") and name not in behind:
                found[id(tensor)] = f"{path}.{name}".lstrip("."), tensor  # a tied weight is one weight
    if not found:
        raise ValueError(f"{type(model).__name__} has no weights to penalize: pass the model whose layers are trained.")
    return dict(found.values())


def _sizes(model):
    """|w| of each weight, in float32 or better: squares and sums of half-precision numbers overflow."""
    return [w.to(torch.promote_types(w.dtype, torch.float32)).abs() for w in _weights(model).values()]


def l2_penalty(model):
    """The sum of the squared weights, ||w||².

    Parameters
    ----------
    model : torch.nn.Module
        The weights that its layers compute with enter, also under a weight norm, a spectral norm or pruning;
        biases and the parameters of normalization layers do not.

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
    return sum(size.square().sum() for size in _sizes(model))


def l1_penalty(model):
    """The sum of the absolute weights, ||w||₁.

    Parameters
    ----------
    model : torch.nn.Module
        The weights that its layers compute with enter, also under a weight norm, a spectral norm or pruning;
        biases and the parameters of normalization layers do not.

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
    return sum(size.sum() for size in _sizes(model))


def soft_threshold_(model, t):
    """Move every weight by t toward zero, in place, and to zero if it was nearer than t.

    After a gradient step with step size lr on the loss alone, ``soft_threshold_(model, lr * lam)`` completes a
    proximal step for the loss plus lam ||w||₁: weights reach zero exactly.

    Parameters
    ----------
    model : torch.nn.Module
        Its trainable weights are changed; frozen ones, biases and the parameters of normalization layers are not.
    t : float
        The threshold, at least 0, in the units of the weights.

    Raises
    ------
    ValueError
        If `model` is no module or has no weights, a weight is computed from other parameters (under a weight norm,
        a spectral norm or pruning), or t is negative or not finite; nothing is changed then.

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
    with torch.enable_grad():
        weights = {name: w for name, w in _weights(model).items() if w.requires_grad}
    for name, w in weights.items():
        if not isinstance(w, nn.Parameter):
            raise ValueError(f"{name} is computed from other parameters and cannot be set to zero: make it a plain "
                             "weight first, with remove_parametrizations of torch.nn.utils.parametrize or remove of "
                             "torch.nn.utils.prune.")
    with torch.no_grad():
        for w in weights.values():
            w.copy_(torch.where(w.abs() <= t, 0, w - t * w.sgn()))  # sign(w) max(|w| - t, 0)
