"""Dropout and batch normalization: the numbers behind `variance_shift.mjs`."""

import numpy as np
from scipy.special import ndtr

from book_utils import dropout
from book_utils.explorables._element import Explorable, head
from book_utils.explorables._text import number
from book_utils.style import COLORS

START = {"p": 0.5, "mean": 0.0}
LOW, HIGH, BINS = -3.5, 3.5, 70


def moments(order, mean):
    """Mean and variance of what dropout gets: a normal variable of that mean and variance 1, or its ReLU: (2,)."""
    if order != "relu":
        return np.array([mean, 1.0])
    above, at = ndtr(mean), np.exp(-mean**2 / 2) / np.sqrt(2 * np.pi)
    mu = mean * above + at
    return np.array([mu, (mean**2 + 1) * above + mean * at - mu**2])


def shift(order, p, mean):
    """Test variance over training variance behind a batch norm; 1 where it stands before the dropout."""
    return 1.0 if order == "after" else float(dropout.variance_shift(p, *moments(order, mean)))


def masses(order, p, mean, masked, low, high, bins):
    """The probability of the normalized value in each of so many equal bins; with masks if `masked`: (bins,)."""
    mu, s2 = moments(order, mean)
    u, rate = np.linspace(low, high, bins + 1), p if masked else 0
    std = np.sqrt(s2 / shift(order, p, mean))
    x = (1 - rate) * u * std + mu if order == "after" else (1 - rate) * (u * std + mu)
    kept = np.where((order != "relu") | (x > 0), ndtr(x - mean), 0)
    zero = u if order == "after" else u * std + mu
    return np.diff((1 - rate) * kept + rate * (zero > 0))


def sentence(order, p, mean):
    if p == 0:
        return "Nothing is dropped: the variance that is stored is the one that is met."
    if order == "after":
        return ("This batch norm sees no masks: its values have variance 1 in training and at test. The next layer's "
                "batch norm does see them.")
    ratio = shift(order, p, mean)
    return (f"At test the variance is {number(ratio)} of the stored one, but each row gets its average over the masks. "
            f"With new statistics the variance is 1, and each row is {number(1 / np.sqrt(ratio))} times as far from "
            "the mean.")


def variance_shift():
    """Put dropout before or behind a batch normalization, and compare training with test."""
    import matplotlib.pyplot as plt

    order, (p, mean) = "before", START.values()
    ratio, edges = shift(order, p, mean), np.linspace(LOW, HIGH, BINS + 1)
    train, test = (masses(order, p, mean, masked, LOW, HIGH, BINS) for masked in (True, False))
    figure, axes = plt.subplots(1, 3, figsize=(7, 2.8), layout="constrained", width_ratios=(5, 3, 3))
    axes[0].bar(edges[:-1], train, edges[1] - edges[0], align="edge", color=COLORS["dropout"], alpha=0.45)
    axes[0].step(edges, [*test, test[-1]], where="post", color=COLORS["norm"])
    for text, height, color in (("training", -6, "dropout"), ("test", -21, "norm")):
        axes[0].annotate(text, (1, 1), xytext=(-2, height), textcoords="offset points", xycoords="axes fraction",
                         ha="right", va="top", color=COLORS[color])
    axes[0].set(xlim=(LOW, HIGH), ylim=(0, 1.15 * np.sort([*train, *test])[-3]), yticks=[],
                xlabel="value behind the batch norm")
    head(axes[0], "A", "how often")
    for ax, letter, name, values in ((axes[1], "B", "variance", (1, ratio, 1)),
                                     (axes[2], "C", "distance of one row", (1, 1, ratio**-0.5))):
        for k, (value, color, alpha) in enumerate(zip(values, ("dropout", "norm", "norm"), (0.45, 0.9, 0.9),
                                                      strict=True)):
            ax.bar(k, value, 0.7, color=COLORS[color], alpha=alpha)
            ax.annotate(number(value), (k, value), xytext=(0, 3), textcoords="offset points", ha="center")
        ax.set(xticks=range(3), ylim=(0, 3), yticks=range(4))
        ax.set_xticklabels(["train", "test", "new"], fontsize="small")
        head(ax, letter, name)
    return Explorable(
        "variance_shift", {"start": START, "order": order}, fallback=figure,
        alt="A: how often each normalized value occurs, in training with dropped ones in one bar, and at test, where "
            f"the values lie closer together. B: the variance is 1 in training, {ratio:.2f} at test with the stored "
            f"statistics, 1 with new ones. C: the distance of one row from the mean: 1, 1 and {ratio**-0.5:.2f}.")
