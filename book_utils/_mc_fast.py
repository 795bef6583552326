"""Shorter ways for models that are nothing but linear layers, activations and `nn.Dropout`, without hooks.

1. A small one spends its time on calls, not on numbers: `fold` does all passes of a row in one.
2. A wide one spends it on matrix products: `wide` lays them out better and, where all rows share a mask, leaves out
   the rows and columns of the weights that belong to dropped units.

Both give what the plain loop gives; a fold draws its masks in another order.
"""

import math

import numpy as np
import torch
from torch import nn
from torch.nn.modules import module as hooks

from book_utils._mc_passes import masked

ELEMENTWISE = {nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.Tanh,
               nn.Sigmoid, nn.LogSigmoid, nn.Softplus, nn.Softsign, nn.Hardtanh, nn.Identity}
LAYERS = ELEMENTWISE | {nn.Linear, nn.Dropout}
SLICED = 0.25  # rate from which leaving out dropped units pays for copying the weights that are left
COPIED = (torch.float32, torch.float64)  # what NumPy can copy
SMALL = 2**15  # weights up to which calls, not numbers, take a network's time
FOLDED = 2**17  # numbers in the widest layer of a fold: they stay in the processor's cache


def chain(model):
    """The layers of a model that is nothing but linear layers, elementwise activations and dropout, or None."""
    hooked = hooks._global_forward_hooks or hooks._global_forward_pre_hooks or any(
        module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module) for module in model.modules())
    layers = _flat(model)
    if hooked or not all(type(layer) in LAYERS for layer in layers):
        return None
    return layers


def _flat(module):
    return [part for child in module for part in _flat(child)] if type(module) is nn.Sequential else [module]


def fold_rows(layers, x, n_passes):
    """How many rows `fold` takes at once with all their passes: 0 if the network is too large to gain from it."""
    linear = [layer for layer in layers if type(layer) is nn.Linear]
    if sum(layer.in_features * layer.out_features for layer in linear) > SMALL:
        return 0
    features = max([x.shape[-1], *(layer.out_features for layer in linear)])
    width = max(1, x[0].numel() * features // max(1, x.shape[-1]))
    return max(1, FOLDED // (width * n_passes))


def fold(layers, x, masks, first_row, n_passes):
    """Yield the outputs of a small chain, (R, rows, …): all passes at once, or as many as fit for one row."""
    step = n_passes if len(x) > 1 else max(1, FOLDED // max(x.numel(), 1))
    for first in range(0, n_passes, step):
        h, number = x[:, None].clone(), 0  # (rows, 1, …), and (rows, R, …) from the first dropout on
        count = min(step, n_passes - first)
        for layer in layers:
            if type(layer) is not nn.Dropout:
                h = layer(h)
            elif layer.p > 0:
                n, start = (1, first) if masks.shared else (len(x), first_row * n_passes + first)
                keep = masks.draw(number, 0, start, n * count, math.prod(h.shape[2:]), layer.p)
                h, number = masked(h, keep.reshape(n, count, *h.shape[2:]), layer.p), number + 1
        yield h.transpose(0, 1)


def stages(layers):
    """A chain as [linear, activations, p of the dropout after them], or None where `wide` does not apply."""
    found = []
    for layer in layers:
        if type(layer) is nn.Linear or not found:
            found.append([layer if type(layer) is nn.Linear else None, [], 0.0])
        elif found[-1][2]:  # a dropped unit is no longer 0 after, say, a sigmoid
            return None
        if type(layer) is nn.Dropout:
            found[-1][2] = layer.p
        elif type(layer) is not nn.Linear:
            found[-1][1].append(torch.relu_ if type(layer) is nn.ReLU else layer)  # memory that is new is slow
    return found


def wide(stages, x, masks, first_row, n_passes):
    """Yield the outputs of a wide chain pass by pass, (1, rows, …).

    Units are rows here, so that W h is a product of two matrices as they lie in memory, which is faster than x Wᵀ.
    """
    slicing = masks.shared and max(p for _, _, p in stages) >= SLICED and all(
        part.is_cpu and part.dtype in COPIED for part in (x, *(stage[0].weight for stage in stages if stage[0])))
    first = next(i for i, (_, _, p) in enumerate(stages) if p)
    start = x.T.clone()
    for stage in stages[:first + 1]:
        start = _stage(stage, start)
    for t in range(n_passes):
        h, live, number = start, None, 0  # live: the units that h still holds, None for all
        for i, stage in enumerate(stages[first:]):
            p, before, live = stage[2], live, None
            if p:
                units = stage[0].out_features if stage[0] else len(h)
                keep, number = masks(number, t, first_row, len(x), units, p), number + 1
                live = np.flatnonzero(keep) if slicing else None
            h = _stage(stage, h, live, before) if i else _cut(h, 0, live)
            if p:
                h = h.mul_(1 / (1 - p) if p < 1 else 0) if slicing else masked(h, keep.T, p, out=h if i else None)
        out = h if live is None else h.new_zeros(units, len(x)).index_copy_(0, torch.from_numpy(live), h)
        yield out.T[None]


def _stage(stage, h, rows=None, columns=None):
    """A linear layer, or what is left of it, and its activations."""
    linear, activations, _ = stage
    if linear:
        weight, bias = _cut(_cut(linear.weight, 0, rows), 1, columns), _cut(linear.bias, 0, rows)
        h = weight @ h if bias is None else torch.addmm(bias[:, None], weight, h)
    for activation in activations:
        h = activation(h)
    return h


def _cut(tensor, axis, live):
    """Some rows or columns of a tensor, copied by NumPy: torch's index_select takes up to twice its time."""
    return tensor if tensor is None or live is None else torch.from_numpy(tensor.detach().numpy().take(live, axis))
