"""One affine neuron whose inputs are dropped: the numbers behind `neuron.mjs`."""

import numpy as np

from book_utils.dropout import enumerate_masks
from book_utils.explorables._element import Explorable
from book_utils.style import COLORS


def preactivation(mask, x, w, b, p, inverted):
    """z = wᵀ(m ∘ x) + b for one mask (1 = kept), with what is kept divided by 1 - p if inverted."""
    kept = np.asarray(mask) * x
    return kept @ np.asarray(w) / (1 - p if inverted else 1) + b


def preactivations(x, w, b, p, inverted):
    """z (2^d,) for each mask, in the order of `enumerate_masks`."""
    return np.array([preactivation(mask, x, w, b, p, inverted) for mask in enumerate_masks(len(x), p)[0]])


def probabilities(d, p):
    """The probability of each of the 2^d masks."""
    return enumerate_masks(d, p)[1]


def moments(x, w, b, p, inverted):
    """[mean, variance] of z over the masks, by adding up all of them."""
    z, weights = preactivations(x, w, b, p, inverted), probabilities(len(x), p)
    mean = weights @ z
    return [mean, weights @ (z - mean) ** 2]


def histogram(z, weights, low, high, bins):
    """The probability that falls into each bin of [low, high]; what lies outside counts nowhere."""
    return np.histogram(z, bins, (low, high), weights=weights)[0]


def neuron(p=0.5):
    """A neuron with inputs to click off, beside the distribution of its z over all 256 masks.

    Parameters
    ----------
    p : float
        Probability of dropping at the start.
    """
    import matplotlib.pyplot as plt

    x = np.array([1.3, 0.71, 1.9, 1.1, 0.83, 1.7, 0.59, 1.17])
    w = np.array([1.21, -1.13, 0.93, 0.67, -0.61, 0.57, 0.87, -0.47])
    b, mask = 0.4, np.array([0, 1, 0, 1, 1, 0, 1, 1])
    z, weights = preactivations(x, w, b, p, True), probabilities(8, p)
    mean, variance = moments(x, w, b, p, True)

    figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3), layout="constrained")
    for j in range(8):
        color = COLORS["dropout"] if mask[j] else COLORS["data"]
        left.plot([0, 1], [7 - j, 3.5], color=color, lw=2 if mask[j] else 1, ls="-" if mask[j] else ":")
        left.plot(0, 7 - j, "o", color=color, ms=15, mfc="white")
        left.text(0, 7 - j, str(j + 1), ha="center", va="center", fontsize=9)
    left.plot(1, 3.5, "o", color="black", ms=38, mfc="white")
    left.text(1, 3.5, f"{preactivation(mask, x, w, b, p, True):.2f}".replace("-", "−"), ha="center", va="center")
    left.set(xlim=(-0.2, 1.3), ylim=(-0.7, 7.7))
    left.axis("off")
    std = np.sqrt(variance)
    right.axvspan(mean - std, mean + std, color=COLORS["dropout"], alpha=0.18, lw=0)
    right.hist(z, bins=np.linspace(-9, 15, 49), weights=weights, color=COLORS["dropout"])
    right.axvline(mean, color=COLORS["none"])
    right.axvline(mean, color="black", ls="--", lw=1.2)
    right.plot(preactivation(mask, x, w, b, p, True), 0, "^", color="black", ms=9, clip_on=False)
    right.set(xlabel=r"$z=w^\top(m\circ x)+b$", ylabel="probability", ylim=(0, 0.15))
    return Explorable(
        "neuron", {"x": x, "w": w, "b": b, "start": {"p": p, "mask": mask}}, fallback=figure,
        alt="Left: a neuron with eight inputs, three of them dropped, and the value z that it computes. Right: the "
            "distribution of z over all 256 masks, its mean (where z lies without a mask) and one standard deviation "
            "to each side, and a mark where this mask falls.")
