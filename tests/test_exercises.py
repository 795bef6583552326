"""The checks of the readers' own code: the model solutions pass, and each plausible mistake is caught by its name."""

import re

import numpy as np
import pytest
import torch
from scipy.special import expit, logsumexp
from scipy.stats import norm
from torch import nn

from book_utils.exercises import EXERCISES, check

pinv, sqrt, log, eye = np.linalg.pinv, np.sqrt, np.log, np.eye


class Model:
    """The model solutions, as the chapters show them."""

    def shortest(X, w):
        return pinv(X) @ (X @ w)

    def leave_one_out(X, y, lam):
        n, d = X.shape
        H = X @ np.linalg.solve(X.T @ X + n * lam * eye(d), X.T)
        return (y - H @ y) / (1 - np.diag(H))

    def best_weight(X, y, w, j, lam):
        x = X[:, j]
        z, size = x @ (y - X @ w + x * w[j]) / len(y), x @ x / len(y)
        return np.sign(z) * max(abs(z) - lam, 0) / size

    def loss_of_logits(z, y):
        return np.mean(np.logaddexp(0, z) - y * z)

    def scale_both(X_train, X_test):
        mean, std = X_train.mean(axis=0), X_train.std(axis=0)
        std = np.where(std > 0, std, 1)
        return (X_train - mean) / std, (X_test - mean) / std

    def inverted_dropout(x, p, rng):
        return x * (rng.random(x.shape) >= p) / (1 - p)

    def geometric_mean(probs):
        log_q = log(probs).mean(axis=0)
        return np.exp(log_q - logsumexp(log_q, axis=-1, keepdims=True))

    def logistic_strengths(X, w, b, p):
        s = expit(X @ w + b)
        return p / (1 - p) * (s * (1 - s)) @ X**2 / len(X)

    def mean_relu(mu, s):
        t = mu / np.where(s > 0, s, 1)
        return np.where(s > 0, mu * norm.cdf(t) + s * norm.pdf(t), np.maximum(mu, 0))

    def channel_dropout(x, p, rng):
        kept = rng.random(x.shape[:2]) >= p
        return x * kept[:, :, None, None] / (1 - p)

    def batch_norm_backward(g, x, gamma, eps):
        s = torch.sqrt(x.var(dim=0, correction=0) + eps)
        x_hat = (x - x.mean(dim=0)) / s
        g_hat = g * gamma
        dx = (g_hat - g_hat.mean(dim=0) - x_hat * (g_hat * x_hat).mean(dim=0)) / s
        return dx, (g * x_hat).sum(dim=0), g.sum(dim=0)

    def group_norm(x, groups, eps):
        rows = x.reshape(len(x), groups, -1)
        mean = rows.mean(dim=-1, keepdim=True)
        var = rows.var(dim=-1, correction=0, keepdim=True)
        return ((rows - mean) / torch.sqrt(var + eps)).reshape(x.shape)

    def stored_moments(X, W, p):
        out = X @ W
        return out.mean(axis=0), out.var(axis=0) + p / (1 - p) * (X**2).mean(axis=0) @ W**2

    def mc_mean_std(model, x, n_passes):
        return passes(model, x, n_passes)

    def predictive(X, y, X_new, noise_std, prior_std):
        A = X.T @ X / noise_std**2 + eye(X.shape[1]) / prior_std**2
        mean = np.linalg.solve(A, X.T @ y) / noise_std**2
        return X_new @ mean, noise_std**2 + np.sum(X_new * np.linalg.solve(A, X_new.T).T, axis=1)

    def free_energy(X, y, w, p, noise_std, prior_std):
        misfit = np.sum((y - X @ w) ** 2) + p / (1 - p) * np.sum(X**2 @ w**2)
        prior = w @ w / (2 * prior_std**2 * (1 - p))
        return misfit / (2 * noise_std**2) + prior - len(w) * entropy(p)

    def noisy_outputs(x, mu, log_var, rng):
        mean, var = x @ mu, x**2 @ np.exp(log_var)
        return mean + sqrt(var) * rng.standard_normal(mean.shape)

    def held_out_cells(longitude, latitude, share, rng):
        return cells(longitude, latitude, share, rng)

    def crps_of_samples(samples, y):
        apart = np.abs(samples[:, None] - samples[None]).mean(axis=(0, 1))
        return np.abs(samples - y).mean(axis=0) - apart / 2

    def decide(probability, miss, alarm, refer):
        return costs(probability, miss, alarm, refer).argmin(axis=0)

    def rmse_of_passes(passes, y, k):
        return sqrt(np.mean((passes.mean(axis=0) - y) ** 2 + passes.var(axis=0) / k))


# Solutions with options, from which several mistakes are made.

def passes(model, x, n_passes, *, on=nn.Dropout, grad=False, back=True, whole=False, seed=None, noise=True, after=None,
           result=lambda out: (out.mean(dim=0), out.std(dim=0))):
    modes = {layer: layer.training for layer in model.modules()}
    model.train(whole)
    for layer in modes:
        if isinstance(layer, on):
            layer.train(noise)
    with torch.set_grad_enabled(grad):
        outputs = []
        for _ in range(n_passes):
            if seed is not None:
                torch.manual_seed(seed)
            outputs.append(model(x))
    for layer, mode in modes.items():
        layer.training = mode if back else layer.training
    if after is not None:
        model.train(after)
    return result(torch.stack(outputs))


def entropy(p, log=np.log):
    return -sum(q * log(q) for q in (p, 1 - p) if q > 0)


def cells(longitude, latitude, share, rng, *, cut=np.floor, axes=2, order=None, most=1.0, above=0, invert=False):
    corners = cut(np.column_stack([longitude, latitude])[:, :axes])
    found, cell = np.unique(corners, axis=0, return_inverse=True)
    test = np.zeros(len(longitude), dtype=bool)
    for k in (rng.permutation(len(found)) if order is None else order(len(found))):
        if test.mean() >= share + above:
            break
        test |= cell.ravel() == k
    return ~test if invert else test


def costs(probability, miss, alarm, refer):
    return np.stack([miss * probability, alarm * (1 - probability), np.full(len(probability), refer)])


def in_place(x, p, rng):
    x *= rng.random(x.shape) >= p
    return x / (1 - p)


def dropped(x, p, rng, shape):
    return x * (rng.random(shape) >= p) / (1 - p)


def by_share(x, p, rng, shape, axis):
    kept = rng.random(shape) >= p
    return x * kept / kept.mean(axis=axis, keepdims=True)


def exactly(x, p, rng):
    """Drops exactly round(p n) of n entries."""
    kept = rng.permutation(x.size) >= round(p * x.size)
    return x * kept.reshape(x.shape) / (1 - p)


def by_svd(X, w, above=1e-6, part=None):
    U, s, Vt = np.linalg.svd(X, full_matrices=False)
    keep = s > above
    return part(U, s, Vt, keep) if part else Vt[keep].T @ (Vt[keep] @ w)


def hat(X, lam):
    return X @ np.linalg.solve(X.T @ X + len(X) * lam * eye(X.shape[1]), X.T)


def loo(X, y, lam, share=lambda h: 1 - h):
    H = hat(X, lam)
    return (y - H @ y) / share(np.diag(H))


def refitted(X, y, lam, times):
    others = [np.arange(len(y)) != i for i in range(len(y))]
    return np.array([y[i] - X[i] @ np.linalg.solve(X[k].T @ X[k] + times(len(y)) * lam * eye(X.shape[1]), X[k].T @ y[k])
                     for i, k in enumerate(others)])


def soft(z, t):
    return np.sign(z) * max(abs(z) - t, 0)


def weight(result, own=True):
    """Best weights from z, the squared size of the column, lam and n."""
    def solution(X, y, w, j, lam):
        x = X[:, j]
        rest = y - X @ w + x * w[j] * own
        return result(x @ rest / len(y), x @ x / len(y), lam, len(y))
    return solution


def clobbered(X, y, w, j, lam):
    w[j] = 0
    return Model.best_weight(X, y, w, j, lam)


def scaled(mean=lambda A, B: A.mean(axis=0), std=lambda A, B: A.std(axis=0), safe=True, own=False):
    def solution(A, B):
        def scale(C, A, B):
            size = std(A, B)
            return (C - mean(A, B)) / (np.where(size > 0, size, 1) if safe else size)
        return scale(A, A, B), scale(B, B, A) if own else scale(B, A, B)
    return solution


def scaled_in_place(A, B):
    mean = A.mean(axis=0)
    A -= mean
    return Model.scale_both(A, B - mean)


def normalized(q, axis=-1):
    return q / q.sum(axis=axis, keepdims=True)


def strengths(s_part, scale=lambda p: p / (1 - p), power=2, mean=np.mean):
    def solution(X, w, b, p):
        s = expit(X @ w + b)
        return scale(p) * mean(s_part(s)[:, None] * X**power, axis=0)
    return solution


def relu(form):
    """Of mu, s, the density and the distribution function at mu / s, with s = 0 done right."""
    def solution(mu, s):
        t = mu / np.where(s > 0, s, 1)
        return np.where(s > 0, form(mu, s, norm.pdf(t), norm.cdf(t)), np.maximum(mu, 0))
    return solution


def backward(dx=None, dgamma=None, dbeta=None, correction=0, root=lambda v, eps: torch.sqrt(v + eps)):
    def solution(g, x, gamma, eps):
        s = root(x.var(dim=0, correction=correction), eps)
        x_hat, h = (x - x.mean(dim=0)) / s, g * gamma
        found = list(Model.batch_norm_backward(g, x, gamma, eps)) if correction == 0 else [
            (h - h.mean(dim=0) - x_hat * (h * x_hat).mean(dim=0)) / s, (g * x_hat).sum(dim=0), g.sum(dim=0)]
        for i, form in enumerate((dx, dgamma, dbeta)):
            found[i] = form(g, h, x_hat, s, gamma) if form else found[i]
        return tuple(found)
    return solution


def grouped(x, shape, dims, eps, correction=0, root=lambda v, eps: torch.sqrt(v + eps)):
    rows = x.reshape(shape)
    return ((rows - rows.mean(dim=dims, keepdim=True))
            / root(rows.var(dim=dims, correction=correction, keepdim=True), eps)).reshape(x.shape)


def strided(x, groups, eps):
    """Channels 0, G, 2G, … as a group."""
    rows = x.reshape(len(x), x.shape[1] // groups, groups, -1).transpose(1, 2)
    return Model.group_norm(rows, groups, eps).transpose(1, 2).reshape(x.shape)


def stored(mean=lambda out, p: out.mean(axis=0), var=lambda out, noise, p: out.var(axis=0) + p / (1 - p) * noise,
           noise=lambda X, W: (X**2).mean(axis=0) @ W**2):
    return lambda X, W, p: (mean(X @ W, p), var(X @ W, noise(X, W), p))


def posterior(mean=lambda m: m, var=lambda v, noise: noise**2 + v, precision=None, new=None):
    def solution(X, y, X_new, noise_std, prior_std):
        A = X.T @ X / noise_std**2 + eye(2) / prior_std**2 if precision is None else precision(X, noise_std, prior_std)
        m = np.linalg.solve(A, X.T @ y) / noise_std**2
        v = np.sum(X_new * np.linalg.solve(A, X_new.T).T, axis=1) if new is None else new(X_new, A)
        return mean(X_new @ m), var(v, noise_std)
    return solution


def energy(misfit=lambda fit, noise, p: fit + p / (1 - p) * noise, prior=lambda w2, s, p: w2 / (2 * s**2 * (1 - p)),
           gain=lambda d, p: d * entropy(p), noise=lambda s: 2 * s**2):
    return lambda X, y, w, p, noise_std, prior_std: (
        misfit(np.sum((y - X @ w) ** 2), np.sum(X**2 @ w**2), p) / noise(noise_std) + prior(w @ w, prior_std, p)
        - gain(len(w), p))


def local(std=lambda x, mu, log_var: sqrt(x**2 @ np.exp(log_var)), shape=lambda m: m.shape, mean=lambda x, mu: x @ mu):
    return lambda x, mu, log_var, rng: mean(x, mu) + std(x, mu, log_var) * rng.standard_normal(shape(x @ mu))


def pairs(samples, y, form):
    T = len(samples)
    return form(np.abs(samples - y).mean(axis=0), np.abs(samples[:, None] - samples).sum(axis=(0, 1)), T)


WRONG = {
    "shortest": [
        (lambda X, w: w, "shorter weights"),
        (lambda X, w: pinv(X) @ w[:len(X)] if len(X) == len(w) else pinv(X).sum() * w, "predictions are not the same"),
        (lambda X, w: np.linalg.solve(X.T @ X, X.T @ X @ w), "LinAlgError: Singular matrix"),
        (lambda X, w: np.linalg.solve(X.T @ X + 1e-3 * eye(len(w)), X.T @ X @ w), "predictions are not the same"),
        (by_svd, "larger unit"),
        (lambda X, w: by_svd(X, w, part=lambda U, s, Vt, keep: w - Vt[keep].T @ (Vt[keep] @ w)), "are not the same"),
        (lambda X, w: by_svd(X, w, part=lambda U, s, Vt, keep: Vt[keep].T @ (s[keep] * (Vt[keep] @ w))),
         "are not the same"),
        (lambda X, w: by_svd(X, w, part=lambda U, s, Vt, keep: Vt[:1].T @ (Vt[:1] @ w)), "are not the same"),
        (lambda X, w: w / np.linalg.norm(w), "are not the same"),
        (lambda X, w: (X @ w) @ X / np.sum(X**2), "are not the same"),
        (lambda X, w: (pinv(X) @ (X @ w))[:, None], r"shape \(2, 1\), not \(2,\)"),
        (lambda X, w: np.linalg.lstsq(X, w, rcond=None)[0], "LinAlgError"),
    ],
    "leave_one_out": [
        (lambda X, y, lam: loo(X, y, lam, lambda h: 1), "becomes another when"),
        (lambda X, y, lam: loo(X, y, lam, lambda h: (1 - h) ** 2), "becomes another when"),
        (lambda X, y, lam: loo(X, y, lam, lambda h: 1 - h.mean()), "becomes another when"),
        (lambda X, y, lam: loo(X, y, lam, lambda h: 1 - h - 1 / len(h)), "becomes another when"),
        (lambda X, y, lam: loo(X, y, lam, lambda h: 1 / (1 - h)), "becomes another when"),
        (lambda X, y, lam: loo(X, y, lam, lambda h: sqrt(1 - h)), "becomes another when"),
        (lambda X, y, lam: -loo(X, y, lam), "wrong sign"),
        (lambda X, y, lam: loo(X, y, lam) ** 2, "becomes another when"),
        (lambda X, y, lam: np.mean(loo(X, y, lam) ** 2), r"shape \(\)"),
        (lambda X, y, lam: loo(X, y, lam / len(y)), "lam = 0.5, the errors are not those of 5 fits"),
        (lambda X, y, lam: refitted(X, y, lam, lambda n: n - 1), "lam = 0.5, the errors are not those of 5 fits"),
        (lambda X, y, lam: loo(X, y, 0), "lam = 0.5, the errors are not those of 5 fits"),
        (lambda X, y, lam: loo(X - X.mean(axis=0), y - y.mean(), lam), "becomes another when"),
    ],
    "best_weight": [
        (weight(lambda z, size, lam, n: soft(z, lam)), "the objective is smaller with"),
        (weight(lambda z, size, lam, n: soft(z / size, lam)), "lam = 0.5, the objective gets smaller"),
        (weight(lambda z, size, lam, n: z / size), "lam = 0.5, the objective gets smaller"),
        (weight(lambda z, size, lam, n: z / (size + lam)), "lam = 0.5, the objective gets smaller"),
        (weight(lambda z, size, lam, n: z / size * (abs(z) > lam)), "lam = 0.5, the objective gets smaller"),
        (weight(lambda z, size, lam, n: (z - lam) / size), "smaller"),
        (weight(lambda z, size, lam, n: soft(z, n * lam) / size), "lam = 0.5, the objective gets smaller"),
        (weight(lambda z, size, lam, n: soft(n * z, lam) / (n * size)), "lam = 0.5, the objective gets smaller"),
        (weight(lambda z, size, lam, n: max(abs(z) - lam, 0) / size), "smaller"),
        (weight(lambda z, size, lam, n: soft(z, lam) / size, own=False), r"w\[0\], which it shall replace"),
        (weight(lambda z, size, lam, n: soft(z, lam / 2) / size), "lam = 0.5, the objective gets smaller"),
        (clobbered, "changes its argument w"),
    ],
    "loss_of_logits": [
        (lambda z, y: -np.mean(y * log(expit(z)) + (1 - y) * log(1 - expit(z))), "not finite"),
        (lambda z, y: -np.mean(y * log(expit(z) + 1e-12) + (1 - y) * log(1 - expit(z) + 1e-12)), "rounded away"),
        (lambda z, y: np.mean(log(1 + np.exp(z)) - y * z), "not finite"),
        (lambda z, y: np.mean(np.logaddexp(0, (1 - 2 * y) * 2 * z)), "log probability of the labels"),
        (lambda z, y: np.sum(np.logaddexp(0, z) - y * z), "fair coin"),
        (lambda z, y: np.logaddexp(0, z) - y * z, r"shape \(2,\), not \(\)"),
        (lambda z, y: np.mean(y * z - np.logaddexp(0, z)), "fair coin"),
        (lambda z, y: np.mean(np.logaddexp(0, -z) + y * z), "wrong answer costs no more"),
        (lambda z, y: np.mean(np.logaddexp(0, z)), "classes trade names"),
        (lambda z, y: np.mean(np.logaddexp(0, -y * z)), "classes trade names"),
        (lambda z, y: np.mean(np.logaddexp(0, z) - y * z) / log(2), "fair coin"),
        (lambda z, y: np.mean((expit(z) - y) ** 2), "fair coin"),
        (lambda z, y: np.mean(np.maximum(z, 0) - y * z), "fair coin"),
        (lambda z, y: np.mean(np.maximum(z, 0) - y * z + np.log1p(np.exp(-z))), "classes trade names"),
        (lambda z, y: np.mean(np.logaddexp(0, np.clip(z, -50, 50)) - y * np.clip(z, -50, 50)), "rounded away"),
        (lambda z, y: -np.mean(log(np.where(y > 0, z, 1 - z))), "not finite"),
    ],
    "scale_both": [
        (scaled(own=True), "without the third"),
        (scaled(mean=lambda A, B: np.vstack([A, B]).mean(axis=0), std=lambda A, B: np.vstack([A, B]).std(axis=0)),
         "does not have the mean 0"),
        (scaled(mean=lambda A, B: A.mean()), "does not have the mean 0"),
        (scaled(mean=lambda A, B: 0), "does not have the mean 0"),
        (scaled(std=lambda A, B: A.std()), "standard deviation 1"),
        (scaled(std=lambda A, B: A.std(axis=0, ddof=1)), "standard deviation 1"),
        (scaled(std=lambda A, B: A.var(axis=0)), "standard deviation 1"),
        (scaled(std=lambda A, B: np.vstack([A, B]).std(axis=0)), "standard deviation 1"),
        (scaled(std=lambda A, B: np.ptp(A, axis=0)), "standard deviation 1"),
        (scaled(safe=False), "not finite"),
        (scaled(mean=lambda A, B: np.median(A, axis=0)), "does not have the mean 0"),
        (lambda A, B: tuple(np.where(A.std(axis=0) > 0, ours, C) for C, ours in zip((A, B), Model.scale_both(A, B),
                                                                                strict=True)),
         "does not become 0"),
        (lambda A, B: (Model.scale_both(A, B)[0], B), "come out differently as test rows"),
        (lambda A, B: Model.scale_both(A, B)[::-1], r"result 1 has shape \(2, 2\), not \(3, 2\)"),
        (lambda A, B: Model.scale_both(A, B)[0], "does not return 2 results"),
        (scaled_in_place, "changes its argument X_train"),
    ],
    "inverted_dropout": [
        (lambda x, p, rng: x * (rng.random(x.shape) < p) / (1 - p), "p is 0"),
        (lambda x, p, rng: x * (rng.random(x.shape) >= p), "mean of the result is 1.6"),
        (lambda x, p, rng: x * (rng.random(x.shape) >= p) * (1 - p), "mean of the result is 1.2"),
        (lambda x, p, rng: x * (rng.random(x.shape) >= p) / p, "not finite"),
        (lambda x, p, rng: x * (rng.random(x.shape) < (1 - p) ** 2) / (1 - p) ** 2, "share of 0.3"),
        (lambda x, p, rng: x * (1 + sqrt(p / (1 - p)) * rng.standard_normal(x.shape)), "share of 0.00 is dropped"),
        (lambda x, p, rng: dropped(x, p, np.random.default_rng(), x.shape), "not drawn from rng"),
        (lambda x, p, rng: dropped(x, p, np.random.default_rng(0), x.shape), "nothing is drawn from rng"),
        (in_place, "changes its argument x"),
        (lambda x, p, rng: dropped(x, p, rng, (1, *x.shape[1:]) if x.ndim > 1 else x.shape), "row to row"),
        (lambda x, p, rng: dropped(x, p, rng, (len(x), 1) if x.ndim > 1 else x.shape), "row to row"),
        (exactly, "the same in 400 calls"),
        (lambda x, p, rng: by_share(x, p, rng, x.shape, -1), "kept differ from each other"),
        (lambda x, p, rng: (rng.random(x.shape) >= p) / (1 - p), "p is 0"),
        (lambda x, p, rng: x, "nothing is drawn from rng"),
    ],
    "geometric_mean": [
        (lambda probs: probs.mean(axis=0), "geometric mean of the voters' odds"),
        (lambda probs: np.exp(log(probs).mean(axis=0)), "do not sum to 1"),
        (lambda probs: normalized(probs.prod(axis=0)), "each voter twice"),
        (lambda probs: normalized(probs.prod(axis=0) ** (1 / len(probs))), r"\(3000, 2, 3\), the result is not finite"),
        (lambda probs: normalized(np.maximum(probs.prod(axis=0), 1e-300) ** (1 / len(probs))), "1000 copies of each"),
        (lambda probs: normalized(probs.prod(axis=0) ** (1 / probs.shape[-1])), "own prediction"),
        (lambda probs: normalized(np.exp(log(probs).mean(axis=0)), axis=0), "own prediction"),
        (lambda probs: normalized(np.exp(log(probs).mean(axis=-1))), "shape"),
        (lambda probs: normalized(np.median(probs, axis=0)), "voters' odds"),
        (lambda probs: normalized(1 / (1 / probs).mean(axis=0)), "voters' odds"),
        (lambda probs: log(probs).mean(axis=0), "own prediction"),
        (lambda probs: normalized(sqrt(probs[0] * probs[-1])), "voters' odds"),
        (lambda probs: normalized(np.exp(probs.mean(axis=0))), "own prediction"),
        (lambda probs: normalized(sqrt((probs**2).mean(axis=0))), "voters' odds"),
    ],
    "logistic_strengths": [
        (strengths(lambda s: s * (1 - s), scale=lambda p: (1 - p) / p), "p = 0, it raises ZeroDivisionError"),
        (strengths(lambda s: s * (1 - s), scale=lambda p: p * (1 - p)), "curvature"),
        (strengths(lambda s: s * (1 - s), scale=lambda p: p), "curvature"),
        (strengths(lambda s: s * (1 - s), scale=lambda p: 1 / (1 - p)), "without dropout there is a penalty"),
        (strengths(lambda s: s * (s - 1)), "not positive"),
        (strengths(lambda s: s * (1 - s), scale=lambda p: p / (1 - p) / 2), "curvature"),
        (strengths(lambda s: np.ones_like(s)), "sure of every row"),
        (strengths(lambda s: np.full_like(s, 0.25)), "sure of every row"),
        (strengths(lambda s: s), "sure of every row"),
        (strengths(lambda s: s**2 * (1 - s) ** 2), "curvature"),
        (strengths(lambda s: s * (1 - s), power=1), "unit ten times smaller"),
        (strengths(lambda s: s * (1 - s), mean=np.sum), "each row twice"),
        (lambda X, w, b, p: Model.logistic_strengths(X, w, 0, p), "sure of every row"),
        (lambda X, w, b, p: Model.logistic_strengths(X, w, b, p) * w**2, "unit ten times smaller"),
        (lambda X, w, b, p: p / (1 - p) * np.mean(expit(X @ w + b) * expit(-X @ w - b)) * np.mean(X**2, axis=0),
         "curvature"),
        (lambda X, w, b, p: Model.logistic_strengths(X, w, b, p).sum(), "shape"),
    ],
    "mean_relu": [
        (lambda mu, s: mu * norm.cdf(mu / s) + s * norm.pdf(mu / s), "not finite"),
        (lambda mu, s: np.maximum(mu, 0), "integral"),
        (lambda mu, s: mu, "does not vary"),
        (relu(lambda mu, s, f, F: mu * F), "below max"),
        (relu(lambda mu, s, f, F: s * f), "below max"),
        (relu(lambda mu, s, f, F: mu * F + f), "below max"),
        (relu(lambda mu, s, f, F: mu * F - s * f), "below max"),
        (relu(lambda mu, s, f, F: mu * F + s**2 * f), "below max"),
        (relu(lambda mu, s, f, F: mu * f + s * F), r"max\(-z, 0\)"),
        (relu(lambda mu, s, f, F: mu * (1 - F) + s * f), "below max"),
        (relu(lambda mu, s, f, F: mu + s * f), "below max"),
        (relu(lambda mu, s, f, F: np.maximum(mu, 0) + s / 2), "integral"),
        (relu(lambda mu, s, f, F: mu * norm.cdf(mu / s**2) + s * norm.pdf(mu / s**2)), "ten times"),
        (lambda mu, s: float(mu[0] * norm.cdf(1)), "shape"),
    ],
    "channel_dropout": [
        (lambda x, p, rng: dropped(x, p, rng, x.shape), "dropped in part"),
        (lambda x, p, rng: dropped(x, p, rng, (len(x), 1, *x.shape[2:])), "dropped in part"),
        (lambda x, p, rng: dropped(x, p, rng, (*x.shape[:3], 1)), "dropped in part"),
        (lambda x, p, rng: dropped(x, p, rng, (1, x.shape[1], 1, 1)), "all rows have the same mask"),
        (lambda x, p, rng: dropped(x, p, rng, (len(x), 1, 1, 1)), "dropped together"),
        (lambda x, p, rng: dropped(x, p, rng, (*x.shape[:2], 1, 1)) * (1 - p), "mean of the result is 1.6"),
        (lambda x, p, rng: dropped(x, p, rng, (*x.shape[:2], 1, 1)) * (1 - p) ** 2, "mean of the result is 1.2"),
        (lambda x, p, rng: x * (rng.random((*x.shape[:2], 1, 1)) < p), "p is 0"),
        (lambda x, p, rng: dropped(x, p, np.random.default_rng(), (*x.shape[:2], 1, 1)), "not drawn from rng"),
        (lambda x, p, rng: dropped(x, p, rng, x.shape[:2]), "ValueError"),
        (lambda x, p, rng: by_share(x, p, rng, (*x.shape[:2], 1, 1), 1), "kept differ from each other"),
        (lambda x, p, rng: dropped(x, p / 2, rng, (*x.shape[:2], 1, 1)), "share of 0.10"),
        (lambda x, p, rng: x, "nothing is drawn from rng"),
        (lambda x, p, rng: x * (1 + sqrt(p) * rng.standard_normal((*x.shape[:2], 1, 1))), "nothing is dropped"),
    ],
    "batch_norm_backward": [
        (backward(dx=lambda g, h, x_hat, s, gamma: h / s), "sum to 0"),
        (backward(dx=lambda g, h, x_hat, s, gamma: (h - h.mean(dim=0)) / s), "stretches the rows"),
        (backward(dx=lambda g, h, x_hat, s, gamma: (h - x_hat * (h * x_hat).mean(dim=0)) / s), "sum to 0"),
        (backward(dx=lambda g, h, x_hat, s, gamma: h - h.mean(dim=0) - x_hat * (h * x_hat).mean(dim=0)),
         "dx is not the gradient"),
        (backward(dx=lambda g, h, x_hat, s, gamma: (g - g.mean(dim=0) - x_hat * (g * x_hat).mean(dim=0)) / s),
         "gamma = .2, -3.*dx is not the gradient"),
        (backward(dx=lambda g, h, x_hat, s, gamma: (h - h.mean(dim=0) + x_hat * (h * x_hat).mean(dim=0)) / s),
         "stretches the rows"),
        (backward(dx=lambda g, h, x_hat, s, gamma: (h - h.mean(dim=0) - x_hat * (h * x_hat).sum(dim=0)) / s),
         "stretches the rows"),
        (backward(dgamma=lambda g, h, x_hat, s, gamma: (g * x_hat).mean(dim=0)), "dgamma"),
        (backward(dgamma=lambda g, h, x_hat, s, gamma: (h * x_hat).sum(dim=0)), "gamma = .2, -3.*dgamma"),
        (backward(dbeta=lambda g, h, x_hat, s, gamma: g.mean(dim=0)), "dbeta"),
        (backward(dbeta=lambda g, h, x_hat, s, gamma: h.sum(dim=0)), "gamma = .2, -3.*dbeta"),
        (backward(correction=1), "dgamma"),
        (lambda g, x, gamma, eps: Model.batch_norm_backward(g, x, gamma, 0), "dgamma"),
        (backward(dx=lambda g, h, x_hat, s, gamma: (h - h.mean() - x_hat * (h * x_hat).mean(dim=0)) / s), "sum to 0"),
        (lambda g, x, gamma, eps: Model.batch_norm_backward(g, x, gamma, eps)[0], "does not return 3 results"),
    ],
    "group_norm": [
        (lambda x, groups, eps: grouped(x, x.shape, (0, *range(2, x.ndim)), eps), "without the others"),
        (lambda x, groups, eps: grouped(x, x.shape, 1, eps), "over a group"),
        (lambda x, groups, eps: grouped(x, x.shape, tuple(range(1, x.ndim)), eps), "groups = 2.*mean over a group"),
        (lambda x, groups, eps: grouped(x, x.shape, (2, 3), eps), "groups = 2, eps = 0.5, the result is not"),
        (lambda x, groups, eps: grouped(x, (len(x), groups, -1), -1, eps, correction=1), "standard deviation"),
        (lambda x, groups, eps: grouped(x, (len(x), groups, -1), -1, eps, root=lambda v, eps: v.sqrt() + eps),
         "eps = 0.5, the result is not that of torch"),
        (lambda x, groups, eps: grouped(x, (len(x), groups, -1), -1, eps, root=lambda v, eps: v + eps),
         "standard deviation"),
        (lambda x, groups, eps: grouped(x, (len(x), -1, groups), 1, eps), "groups = 2.*over a group"),
        (strided, "groups = 2.*over a group"),
        (lambda x, groups, eps: grouped(x, (len(x), groups, -1, *x.shape[2:]), (2, 3, 4), eps), "IndexError"),
        (lambda x, groups, eps: grouped(x, (len(x), groups, -1), -1, 1e-5), "eps = 0.5, the result is not"),
        (lambda x, groups, eps: x.sub_(x.mean()), "changes its argument x"),
        (lambda x, groups, eps: x.reshape(len(x), groups, -1), "shape"),
        (lambda x, groups, eps: grouped(x, (groups, -1), -1, eps), "without the others"),
    ],
    "stored_moments": [
        (stored(var=lambda out, noise, p: out.var(axis=0)), "masks differ"),
        (stored(mean=lambda out, p: (1 - p) * out.mean(axis=0)), "mean is not that over all masks"),
        (stored(mean=lambda out, p: out.mean(axis=0) / (1 - p)), "mean is not that over all masks"),
        (stored(noise=lambda X, W: X.var(axis=0) @ W**2), "masks differ"),
        (stored(mean=lambda out, p: np.zeros(2)), "without dropout the mean"),
        (stored(noise=lambda X, W: X.mean(axis=0) ** 2 @ W**2), "variance is not that over all masks"),
        (stored(noise=lambda X, W: ((X @ W) ** 2).mean(axis=0)), "variance is not that over all masks"),
        (stored(var=lambda out, noise, p: out.var(axis=0) + p * (1 - p) * noise), "variance is not that over"),
        (stored(var=lambda out, noise, p: out.var(axis=0) + p * noise), "variance is not that over all masks"),
        (stored(var=lambda out, noise, p: out.var(axis=0) + (1 - p) / p * noise), "p = 0, it raises ZeroDivisionError"),
        (stored(var=lambda out, noise, p: out.var(axis=0, ddof=1) + p / (1 - p) * noise), "n in the denominator"),
        (stored(var=lambda out, noise, p: sqrt(out.var(axis=0) + p / (1 - p) * noise)), "n in the denominator"),
        (stored(noise=lambda X, W: (X**2).sum(axis=0) @ W**2), "variance is not that over all masks"),
        (stored(noise=lambda X, W: (X**2).mean(axis=0) @ abs(W)), "variance is not that over all masks"),
        (stored(var=lambda out, noise, p: out.var(axis=0) / (1 - p)), "masks differ"),
    ],
    "mc_mean_std": [
        (lambda *a: passes(*a, whole=True), "running statistics"),
        (lambda *a: passes(*a, on=(nn.Dropout, nn.BatchNorm1d)), "running statistics"),
        (lambda *a: passes(*a, noise=False), "standard deviation is 0"),
        (lambda *a: passes(*a, back=False), "given back in the mode, training=False"),
        (lambda *a: passes(*a, after=False), "given back in the mode, training=True"),
        (lambda *a: passes(*a, after=True), "given back in the mode, training=False"),
        (lambda *a: passes(*a, grad=True), "carry gradients"),
        (lambda *a: passes(*a, seed=0), "standard deviation is 0"),
        (lambda *a: passes(*a, result=lambda out: (out.mean(dim=0), out.std(dim=0, correction=0))), "denominator"),
        (lambda *a: passes(*a, result=lambda out: (out.mean(dim=0), out.var(dim=0))), "spread of the passes"),
        (lambda *a: passes(*a, result=lambda out: (out.mean(dim=0), out.std(dim=0) / len(out) ** 0.5)),
         "spread of the passes"),
        (lambda *a: passes(*a, result=lambda out: (out.mean(dim=(0, 1)), out.std(dim=(0, 1)))), "shape"),
        (lambda *a: passes(*a, result=lambda out: (out[0], out.std(dim=0))), "mean over passes"),
        (lambda *a: passes(*a, result=lambda out: out), "does not return 2 results"),
    ],
    "predictive": [
        (posterior(var=lambda v, noise: v), "below that of the noise"),
        (posterior(var=lambda v, noise: np.full(3, noise**2)), "noise plus model"),
        (posterior(var=lambda v, noise: sqrt(noise**2 + v)), "row of zeros"),
        (posterior(var=lambda v, noise: noise + v), "row of zeros"),
        (posterior(var=lambda v, noise: noise**2 + sqrt(v)), "ten times"),
        (posterior(precision=lambda X, noise, prior: X.T @ X / noise**2 + prior**2 * eye(2)), "ten times"),
        (posterior(precision=lambda X, noise, prior: X.T @ X / noise**2), "mean is not that of the exact"),
        (posterior(precision=lambda X, noise, prior: X.T @ X + eye(2) / prior**2), "ten times"),
        (posterior(new=lambda X, A: X**2 @ np.diag(np.linalg.inv(A))), "noise plus model"),
        (posterior(new=lambda X, A: X**2 @ (1 / np.diag(A))), "noise plus model"),
        (posterior(new=lambda X, A: np.sum(X @ A * X, axis=1)), "ten times"),
        (posterior(new=lambda X, A: X @ np.linalg.inv(A) @ X.T), "shape"),
        (posterior(mean=lambda m: m * 0.25), "mean is not that of the exact"),
        (lambda X, y, X_new, noise_std, prior_std: (
            Model.predictive(X, y, X_new, noise_std, prior_std)[0],
            np.var(y - X @ pinv(X) @ y) + Model.predictive(X, y, X_new, noise_std, prior_std)[1]), "row of zeros"),
    ],
    "free_energy": [
        (energy(gain=lambda d, p: -d * entropy(p)), "entropy is a gain"),
        (energy(gain=lambda d, p: 0), "entropy is a gain"),
        (energy(gain=lambda d, p: entropy(p)), "entropy is not that of 2 masks"),
        (energy(gain=lambda d, p: d * entropy(p, np.log2)), "entropy is not that of 2 masks"),
        (energy(gain=lambda d, p: d * -(p * log(p) + (1 - p) * log(1 - p))), "not finite"),
        (energy(noise=lambda s: 2 * s), "half of the noise"),
        (energy(noise=lambda s: s**2), "result is not the misfit"),
        (energy(misfit=lambda fit, noise, p: fit), "expected over the masks"),
        (energy(misfit=lambda fit, noise, p: fit + p * (1 - p) * noise), "expected over the masks"),
        (energy(misfit=lambda fit, noise, p: fit + (1 - p) / max(p, 1e-300) * noise), "expected over the masks"),
        (energy(prior=lambda w2, s, p: w2 / (2 * s**2)), "price of the weights"),
        (energy(prior=lambda w2, s, p: (1 - p) * w2 / (2 * s**2)), "price of the weights"),
        (energy(prior=lambda w2, s, p: w2 / (s**2 * (1 - p))), "price of the weights"),
        (energy(prior=lambda w2, s, p: w2 / (2 * s * (1 - p))), "price of the weights"),
        (lambda X, y, w, *more: Model.free_energy(X, y, w, *more) / len(y), "result is not the misfit"),
    ],
    "noisy_outputs": [
        (lambda x, mu, log_var, rng: x @ (mu + np.exp(log_var / 2) * rng.standard_normal(mu.shape)),
         "once for all rows"),
        (local(std=lambda x, mu, log_var: sqrt(x**2 @ np.exp(log_var / 2))), "the variance over"),
        (local(std=lambda x, mu, log_var: x**2 @ np.exp(log_var)), "the variance over"),
        (local(std=lambda x, mu, log_var: abs(x) @ np.exp(log_var / 2)), "the variance over"),
        (local(std=lambda x, mu, log_var: sqrt(abs(x) @ np.exp(log_var))), "the variance over"),
        (local(std=lambda x, mu, log_var: sqrt(x**2 @ log_var)), "not finite"),
        (local(std=lambda x, mu, log_var: sqrt(x**2 @ (mu**2 * np.exp(log_var)))), "the variance over"),
        (local(shape=lambda m: (len(m), 1)), "noise in common"),
        (local(shape=lambda m: m.shape[1:]), "once for all rows"),
        (local(mean=lambda x, mu: 0), "result is not x @ mu"),
        (lambda x, mu, log_var, rng: x @ mu, "nothing is drawn from rng"),
        (lambda x, mu, log_var, rng: local()(x, mu, log_var, np.random), "not drawn from rng"),
        (local(std=lambda x, mu, log_var: 1), "result is not x @ mu"),
        (lambda x, mu, log_var, rng: x @ mu + sqrt(x**2 @ np.exp(log_var)) * rng.random((len(x), 2)), "the mean over"),
    ],
    "held_out_cells": [
        (lambda a, b, share, rng: rng.random(len(a)) < share, "both sides"),
        (lambda a, b, share, rng: a <= np.quantile(a, share) + 0 * rng.random(), "nothing is drawn from rng"),
        (lambda *a: cells(*a, cut=np.round), "both sides"),
        (lambda *a: cells(*a, axes=1), "at least one cell more"),
        (lambda *a: cells(*a, order=range), "nothing is drawn from rng"),
        (lambda *a: cells(*a, order=np.random.permutation), "not drawn from rng"),
        (lambda *a: cells(*a, invert=True), "at least one cell more"),
        (lambda *a: cells(*a, above=-0.1), "rows are test rows"),
        (lambda *a: cells(*a, above=0.1), "at least one cell more"),
        (lambda *a: cells(*a, cut=lambda corners: np.floor(corners / 2)), "always on the same side"),
        (lambda a, b, share, rng: cells(a, b, share, rng, order=lambda n: np.roll(np.arange(n), rng.integers(3))),
         "always or never"),
        (lambda *a: np.flatnonzero(cells(*a)), "shape"),
        (lambda a, b, share, rng: rng.permutation(9)[np.floor(a + 3).astype(int)], "not one truth value"),
        (lambda *a: cells(*a, cut=lambda corners: np.floor(corners * 10)), "both sides"),
    ],
    "crps_of_samples": [
        (lambda s, y: abs(s - y).mean(axis=0), "integral"),
        (lambda s, y: pairs(s, y, lambda off, apart, T: off - apart / T**2), "negative"),
        (lambda s, y: pairs(s, y, lambda off, apart, T: off - apart / (2 * T * max(T - 1, 1))), "each sample twice"),
        (lambda s, y: pairs(s, y, lambda off, apart, T: off + apart / (2 * T**2)), "integral"),
        (lambda s, y: abs(s.mean(axis=0) - y), "integral"),
        (lambda s, y: abs(np.median(s, axis=0) - y), "integral"),
        (lambda s, y: ((s - y) ** 2).mean(axis=0), "not its distance"),
        (lambda s, y: sqrt(((s - y) ** 2).mean(axis=0)), "integral"),
        (lambda s, y: Model.crps_of_samples(s, y).mean(), "shape"),
        (lambda s, y: (s - y).mean(axis=0), "not its distance"),
        (lambda s, y: abs(s - y).mean(axis=1), "shape"),
        (lambda s, y: gaussian_crps(s.mean(axis=0), s.std(axis=0), y), "not finite"),
        (lambda s, y: pairs(s, y, lambda off, apart, T: off - apart / (2 * T)), "negative"),
        (lambda s, y: abs(s - y).mean(axis=0) - abs(np.diff(s, axis=0)).sum(axis=0) / len(s) / 2,
         "each sample twice"),
    ],
    "decide": [
        (lambda q, a, b, c: np.where(q > 0.5, 1, 0), "less to refer"),
        (lambda q, a, b, c: np.where(np.minimum(q, 1 - q) > c, 2, np.where(q > 0.5, 1, 0)), "costs less"),
        (lambda q, a, b, c: costs(q, b, a, c).argmin(axis=0), "costs less"),
        (lambda q, a, b, c: costs(1 - q, a, b, c).argmin(axis=0), "costs less"),
        (lambda q, a, b, c: costs(q, a, b, c).argmax(axis=0), "costs less"),
        (lambda q, a, b, c: np.where(a * q < b * (1 - q), 0, 1), "less to refer"),
        (lambda q, a, b, c: np.where(q < c / a, 0, np.where(q > 1 - c / b, 1, 2)),
         "refer = 2, it answers 0 at probability 0.15, where it costs less to say malignant"),
        (lambda q, a, b, c: np.where((q > c) & (q < 1 - c), 2, np.where(q > 0.5, 1, 0)), "costs less"),
        (lambda q, a, b, c: costs(q, a, b, c).min(axis=0), "none of 0, 1 and 2"),
        (lambda q, a, b, c: np.array(["benign", "malignant", "refer"])[costs(q, a, b, c).argmin(axis=0)],
         "cannot be read as an array of numbers"),
        (lambda q, a, b, c: costs(q, a, b, c).argmin(axis=1), "shape"),
        (lambda q, a, b, c: np.full(len(q), 2), "less to say"),
        (lambda q, a, b, c: np.where(c < min(a, b), costs(q, a, b, c).argmin(axis=0),
                                     np.where(q > 0.5, 1, 0)), "refer = 2, it answers 0 at probability 0.45"),
        (lambda q, a, b, c: costs(q, a, b, c / 2).argmin(axis=0), "it costs less to say"),
        (lambda q, a, b, c: costs(q, a, b, c).argmin(axis=0) + 1, "none of 0, 1 and 2"),
    ],
    "rmse_of_passes": [
        (lambda f, y, k: sqrt(np.mean((f.mean(axis=0) - y) ** 2)), "squared errors of single passes"),
        (lambda f, y, k: sqrt(np.mean((f.mean(axis=0) - y) ** 2 + f.var(axis=0, ddof=1) / k)), "single passes"),
        (lambda f, y, k: sqrt(np.mean((f.mean(axis=0) - y) ** 2 + f.var(axis=0))), "all 9 averages"),
        (lambda f, y, k: sqrt(np.mean((f.mean(axis=0) - y) ** 2 + f.var(axis=0) / k**2)), "all 9 averages"),
        (lambda f, y, k: sqrt(np.mean((f.mean(axis=0) - y) ** 2 + f.std(axis=0) / k)), "single passes"),
        (lambda f, y, k: np.mean((f.mean(axis=0) - y) ** 2 + f.var(axis=0) / k), "single passes"),
        (lambda f, y, k: np.mean(sqrt(((f - y) ** 2).mean(axis=1))), "single passes"),
        (lambda f, y, k: sqrt(np.mean((f - y) ** 2)), "all 9 averages"),
        (lambda f, y, k: sqrt(np.mean((f - y) ** 2) / k), "all 9 averages"),
        (lambda f, y, k: sqrt(np.mean((f[:k].mean(axis=0) - y) ** 2)), "single passes"),
        (lambda f, y, k: np.mean(abs(f - y)), "single passes"),
        (lambda f, y, k: Model.rmse_of_passes(f, y, min(k, len(f))), "error of the mean of all passes"),
        (lambda f, y, k: sqrt((f.mean(axis=0) - y) ** 2 + f.var(axis=0) / k), "shape"),
        (lambda f, y, k: sqrt(np.mean((f.mean(axis=0) - y) ** 2 - f.var(axis=0) / k)), "not finite"),
        (lambda f, y, k: sqrt(np.mean((f.mean(axis=0) - y) ** 2
                                      + f.var(axis=0) / k * (len(f) - k) / max(len(f) - 1, 1))), "each pass twice"),
    ],
}


def gaussian_crps(mu, sigma, y):
    zeta = (y - mu) / sigma
    return sigma * (zeta * (2 * norm.cdf(zeta) - 1) + 2 * norm.pdf(zeta) - 1 / sqrt(np.pi))


def unwrapped(capsys):
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    return " ".join(lines)


def test_every_exercise_is_here():
    assert list(EXERCISES) == [name for name in vars(Model) if name in WRONG] == list(WRONG)
    assert min(map(len, WRONG.values())) >= 10


@pytest.mark.parametrize("name", EXERCISES)
def test_the_model_solution_passes_and_no_global_generator_moves(name, capsys):
    before = repr(np.random.get_state()), torch.get_rng_state()  # noqa: NPY002
    check(getattr(Model, name))
    assert capsys.readouterr().out == f"{name}: every property that was tried holds.\n"
    assert repr(np.random.get_state()) == before[0]  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), before[1])


@pytest.mark.filterwarnings("ignore")  # of the wrong solutions
@pytest.mark.parametrize("name, i", [(name, i) for name in WRONG for i in range(len(WRONG[name]))])
def test_a_mistake_is_named_in_one_sentence(name, i, capsys):
    function, words = WRONG[name][i]
    check(function, name)
    said = unwrapped(capsys)
    assert re.search(words, said), said
    assert re.fullmatch(rf"{name}: with .+\.", said) and ".." not in said, said


def outcome(function, capsys, name="decide"):
    check(function, name)
    return unwrapped(capsys)


def test_what_is_no_answer_is_said(capsys):
    assert "it returns None, as a function without a return does." in outcome(lambda *inputs: None, capsys)
    assert "it raises TypeError: " in outcome(lambda: 0, capsys)
    assert "it raises ZeroDivisionError: division by zero." in outcome(lambda *inputs: 1 / 0, capsys)
    assert "it raises AssertionError." in outcome(lambda *inputs: fail(), capsys)
    assert "the result cannot be read" in outcome(lambda *inputs: [[0], [0, 1]], capsys)
    assert "the result cannot be read" in outcome(lambda *inputs: np.full(12, 1j), capsys)


def fail():
    raise AssertionError


@pytest.mark.parametrize("function, name, words", [
    (Model.decide(np.ones(1), 1, 1, 1), None, "without parentheses, not an array of shape"),
    (lambda x: x, None, "No exercise is called '<lambda>'.*: shortest, leave_one_out, .*, rmse_of_passes"),
    (Model.decide, "dropout", "No exercise is called 'dropout'"),
    (np.ones, ["decide"], "No exercise is called"),
])
def test_what_cannot_be_tried_is_refused(function, name, words):
    with pytest.raises(ValueError, match=words):
        check(function, name)
