"""Batch normalization: the numbers behind `batch_mates.mjs`."""

import numpy as np

from book_utils.explorables._element import Explorable, head
from book_utils.explorables._text import number
from book_utils.style import COLORS

X1, STILL, MOMENTUM = 1.0, 20, 0.1  # the example, the batches before the drift, the weight of a new batch
START = {"log_size": 2, "x2": 3.0, "drift": 0.0}


def stream(z, size, drift, still):
    """Batches (T, size): the first values of each row of z (T, n), moved by `drift` times a ramp after row `still`."""
    z = np.asarray(z)
    ramp = np.maximum(0, (np.arange(1, len(z) + 1) - still) / (len(z) - still))
    return z[:, :size] + drift * ramp[:, None]


def batch_stats(x):
    """Mean and biased variance of a batch (n,): (2,)."""
    return np.array([np.mean(x), np.var(x)])


def normalized(x, mean, variance, eps=1e-5):
    """A value normalized by a mean and a variance."""
    return (x - mean) / np.sqrt(variance + eps)


def running_stats(batches, momentum):
    """The running mean and unbiased variance before each of T batches (T, n) and after the last: (T + 1, 2)."""
    seen = [np.array([0.0, 1.0])]
    for x in np.asarray(batches):
        new = seen[-1] if len(x) < 2 else np.array([x.mean(), x.var(ddof=1)])
        seen.append((1 - momentum) * seen[-1] + momentum * new)
    return np.array(seen)


def in_each_batch(batches, x):
    """The normalized value of x in each batch (T, n), where it takes the first seat: (T,)."""
    batches = np.array(batches, dtype=float)
    batches[:, 0] = x
    return normalized(x, batches.mean(axis=1), batches.var(axis=1))


def sentence(x1, size, values, running, drift, still):
    """`values` are those of x1 in each batch, the last one included; `running` are mean and variance before the last.

    `drift` is the exact mean of the last batch.
    """
    if size == 1:
        return "A batch of one is its own mean: every normalized value is 0, whatever x₁ is. PyTorch refuses it."
    said = (f"In the last batch x₁ = {number(x1, 0)} becomes {number(values[-1])}; by the running statistics it is "
            f"{number(normalized(x1, *running))}, by the exact mean and variance {number(normalized(x1, drift, 1))}.")
    if size == 2:
        return f"{said} Of two different rows one becomes +1 and the other −1, whatever their values are."
    spread = np.std(values[:still])
    return f"{said} In the first {still} batches its standard deviation is {number(spread)}: same example, other mates."


def batch_mates():
    """One example normalized among its batch mates, and the same example in forty batches."""
    import matplotlib.pyplot as plt

    log_size, x2, drift = START.values()
    z = np.random.default_rng(28).standard_normal((40, 32)).round(3)
    size = 2**log_size
    batches = stream(z, size, drift, STILL)
    seen = running_stats(batches[:-1], MOMENTUM)
    batch = np.array([X1, x2, *batches[-1, 2:]])[:size]
    stats, ends = batch_stats(batch), np.array([-4.0, 6.0])

    figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3), layout="constrained", sharey=True)
    left.plot(ends, ends - drift, "k--", lw=1.2)
    left.plot(ends, normalized(ends, *seen[-1]), "--", color=COLORS["norm"])
    left.plot(ends, normalized(ends, *stats), color=COLORS["norm"])
    left.plot(batch, normalized(batch, *stats), "o", color=COLORS["norm"], ms=5)
    left.plot(X1, normalized(X1, *stats), "ko", ms=7)
    left.set(xlabel="value x in the last batch", xlim=(-4, 6), ylim=(-4.5, 4.5))
    count = np.arange(1, len(z) + 1)
    right.plot(count, X1 - stream(np.zeros((len(z), 1)), 1, drift, STILL)[:, 0], "k--", lw=1.2)
    right.plot(count, normalized(X1, *seen.T), "--", color=COLORS["norm"])
    right.plot(count[:-1], in_each_batch(batches[:-1], X1), "o", color=COLORS["norm"], ms=4)
    right.plot(count[-1], normalized(X1, *stats), "ko", ms=7)
    right.set(xlabel="batch")
    key = {"• training: its batch": "norm", "╌ evaluation: running statistics": "norm",
           "╌ exact mean and variance": "truth"}
    for i, (text, color) in enumerate(key.items()):
        right.text(0.03, 0.2 - 0.08 * i, text, color=COLORS[color], transform=right.transAxes)
    head(left, "A", "normalized value")
    head(right, "B", "x₁ normalized")
    return Explorable(
        "batch_mates",
        {"start": START, "z": z, "x1": X1, "still": STILL, "momentum": MOMENTUM},
        fallback=figure,
        alt="A: four values of a batch and what normalization makes of them, on a line whose slope and height "
            "depend on all four. B: one and the same value in forty batches; its normalized value scatters widely "
            "around the dashed lines of the running statistics and of the exact ones.")
