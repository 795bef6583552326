"""What the exercises of the part *Scale* ask. Torch is imported where it is needed."""

import numpy as np

from book_utils.dropout import enumerate_masks
from book_utils.exercises._asked import close


def batch_norm_backward(ask):
    """The gradients of batch normalization."""
    import torch

    from book_utils.normalization import batch_norm

    x = torch.tensor([[1, 0], [2, 5], [4, 1], [5, 2]], dtype=torch.float64)
    g = torch.tensor([[1, -1], [0, 2], [3, 0], [1, 1]], dtype=torch.float64)
    for gamma, eps in ([1.0, 1.0], 1e-5), ([2.0, -3.0], 0.5):
        gamma = torch.tensor(gamma, dtype=torch.float64)
        dx, dgamma, dbeta = ask([(4, 2), (2,), (2,)], g=g, x=x, gamma=gamma, eps=eps)
        inputs = [value.clone().requires_grad_() for value in (x, gamma, torch.zeros_like(gamma))]
        with torch.enable_grad():
            exact = torch.autograd.grad(batch_norm(*inputs, eps), inputs, g)
        ask.must(close(dbeta, exact[2]), "dbeta is not the gradient that autograd finds")
        ask.must(close(dgamma, exact[1]), "dgamma is not the gradient that autograd finds")
        ask.must(close(dx.sum(axis=0), 0),
                 "dx does not sum to 0 over the batch, although the output stays the same when all rows move alike")
        growth = (dx * np.asarray(x - x.mean(dim=0))).sum(axis=0)
        ask.must(eps > 1e-3 or np.allclose(growth, 0, atol=1e-3),
                 "a step along dx stretches the rows about their mean, although that leaves the output as it is")
        ask.must(close(dx, exact[0]), "dx is not the gradient that autograd finds")


def group_norm(ask):
    """Normalization over groups of channels, and over all positions."""
    import torch
    from torch.nn import functional as F

    x = torch.tensor(np.random.default_rng(0).standard_normal((3, 4, 2, 3)).cumsum(axis=1).round(2))
    for groups in 1, 2, 4:
        alone = ask((1, 4, 2, 3), x=x[:1], groups=groups, eps=1e-5)
        out = ask(x.shape, x=x, groups=groups, eps=1e-5)
        ask.must(close(alone, out[:1]), "the first row comes out differently than without the others")
        means, stds = (f(out.reshape(3, groups, -1), axis=-1) for f in (np.mean, np.std))
        ask.must(np.allclose(means, 0, atol=1e-9),
                 "the mean over a group, neighboring channels with all their positions, is not 0")
        ask.must(np.allclose(stds, 1, atol=1e-3),
                 "the standard deviation over a group, with the number of its entries in the denominator, is not 1")
    for some in x, x[:, :, 0, 0].contiguous():
        ask.must(close(ask(some.shape, x=some, groups=2, eps=0.5), F.group_norm(some, 2, eps=0.5)),
                 "the result is not that of torch's group_norm")


def stored_moments(ask):
    """Mean and variance that a batch norm stores behind inverted dropout and a linear layer."""
    X = np.array([[1, 0, 2], [3, 1, 2], [2, 5, 0], [0, 2, 1]], dtype=float)
    W = np.array([[1, -1], [0.5, 2], [-1, 0]])
    shapes = [(2,), (2,)]
    mean, var = ask(shapes, X=X, W=W, p=0.0)
    ask.must(close(mean, (X @ W).mean(axis=0)), "without dropout the mean is not that of X @ W over the rows")
    ask.must(close(var, (X @ W).var(axis=0)), "without dropout the variance is not that of X @ W over the rows (with n "
             "in the denominator)")
    mean, var = ask(shapes, X=X[:1], W=W, p=0.5)
    ask.must((var > 0).all(), "a single row has no variance, although its masks differ")
    for p in 0.5, 0.2:
        masks, weights = enumerate_masks(3, p)
        out = (masks[:, None] * X / (1 - p)) @ W  # (8, n, 2)
        mean, var = ask(shapes, X=X, W=W, p=p)
        exact = np.tensordot(weights, out.mean(axis=1), 1)
        ask.must(close(mean, exact), "the mean is not that over all masks and rows")
        spread = np.tensordot(weights, ((out - exact) ** 2).mean(axis=1), 1)
        ask.must(close(var, spread), "the variance is not that over all masks and rows")
